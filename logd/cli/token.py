"""`logd token`: the tokens in the catalog, whether a server runs or not; a running one notices."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from logd.cli import settings
from logd.errors import ConfigError

if TYPE_CHECKING:
    from logd.config.schema import Config
    from logd.seams import Tokens
    from logd.tokens import Token

T = TypeVar("T")
#: Those that are called otherwise than what they say.
_OPTIONS = {"scopes": "--scope", "services": "--service", "hosts": "--host"}


def add_to(commands: Any) -> None:
    """Adds the command to the parser's subcommands."""
    parser = commands.add_parser("token", help="make, list and revoke the tokens of the API", allow_abbrev=False)
    actions = parser.add_subparsers(metavar="ACTION", required=True)

    create = settings.add_action(
        actions,
        "create",
        "make a token",
        "Prints a new token, once: only a digest of it is kept. From the first one on, every request to the API needs\n"
        "one, unless api.anonymous = true.",
        run_create,
        "token create --name checkout --scope ingest --service checkout,payment --expires 90d",
    )
    create.add_argument("--name", metavar="NAME", required=True, help="what it is for, as `logd token list` shows it")
    create.add_argument(
        "--scope", metavar="A,B", action="append", required=True, help="ingest, search, admin; none includes another"
    )
    for name in ("service", "host"):
        create.add_argument(
            f"--{name}", metavar="A,B", action="append", default=[], help=f"only these {name}s are written or seen"
        )
    create.add_argument("--expires", metavar="TIME", help="after so long, such as 12h, 90d, 52w (never)")
    for name in ("requests", "bytes"):
        create.add_argument(
            f"--{name}-per-second", metavar="N", type=float, help="instead of api.rate_limit; 0 is no limit"
        )
    lister = settings.add_action(
        actions, "list", "show all tokens", "Prints a line for each token, the oldest first.", run_list, "token list"
    )
    lister.add_argument("--json", action="store_true", help="a JSON object a token")
    revoke = settings.add_action(
        actions,
        "revoke",
        "make a token worthless",
        "Revokes a token for ever; a running server refuses it within seconds.",
        run_revoke,
        "token revoke 0123456789ab",
    )
    revoke.add_argument("id", metavar="ID", help="as `logd token list` shows it, or the token itself")


def run_create(args: argparse.Namespace) -> int:
    """Prints the token on standard output, and about it on standard error."""
    config = settings.load(args)
    from logd.flow.clock import now_us
    from logd.tokens import WrongToken, make

    now = now_us()
    try:
        token, text = make(
            now,
            name=args.name,
            scopes=_words(args.scope),
            services=_words(args.service),
            hosts=_words(args.host),
            expires=args.expires,
            requests_per_second=args.requests_per_second,
            bytes_per_second=args.bytes_per_second,
        )
    except WrongToken as error:
        raise ConfigError(f"{_OPTIONS.get(error.where) or _option(error.where)} {error}") from None
    make_data_dir(config)
    _with_tokens(config, lambda tokens: tokens.create(token))
    print(text)
    print(f"token {_described(token, now)}; it is not shown again", file=sys.stderr)
    return 0


def run_list(args: argparse.Namespace) -> int:
    """Prints them."""
    config = settings.load(args)
    from logd.flow.clock import now_us

    now = now_us()
    for token in _with_tokens(config, lambda tokens: tokens.all()):
        print(_as_json(token, now) if args.json else _described(token, now))
    return 0


def run_revoke(args: argparse.Namespace) -> int:
    """Says which."""
    config = settings.load(args)
    from logd.flow.clock import now_us
    from logd.tokens import ID, parts_of

    parts = parts_of(args.id)
    token_id = parts[0] if parts is not None else args.id
    if not ID.fullmatch(token_id):
        raise ConfigError(f"ID is {token_id!r}, expected 12 hex digits")
    now = now_us()
    print(f"token {_described(_with_tokens(config, lambda tokens: tokens.revoke(token_id, now)), now)}")
    return 0


def _with_tokens(config: Config, call: Callable[[Tokens], Awaitable[T]]) -> T:
    import asyncio

    from logd.roles import catalog_wiring

    async def called() -> T:
        catalog = await catalog_wiring.catalog(config)
        try:
            return await call(catalog.tokens)
        finally:
            await catalog.close()

    return asyncio.run(called())


def make_data_dir(config: Config) -> None:
    """The first token may come before the first start: where other machines are let in, there is none without it."""
    try:
        Path(config.data_dir).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"data_dir {config.data_dir!r} can't be made: {str(error.strerror).lower()}") from error


def _described(token: Token, now_us: int) -> str:
    parts = [token.id, repr(token.name), ",".join(sorted(token.scopes))]
    parts += [f"{what} {','.join(of)}" for what, of in (("service", token.services), ("host", token.hosts)) if of]
    parts.append(f"created {_time(token.created_us)}")
    rates = (("requests", token.requests_per_second), ("bytes", token.bytes_per_second))
    parts += [f"{rate:g} {what}/s" for what, rate in rates if rate is not None]
    state = token.state(now_us)
    if token.revoked_us is not None:
        parts.append(f"revoked {_time(token.revoked_us)}")
    elif token.expires_us is not None:
        parts.append(f"{'expired' if state == 'expired' else 'expires'} {_time(token.expires_us)}")
    return "  ".join(parts)


def _as_json(token: Token, now_us: int) -> str:
    import msgspec

    fields = msgspec.to_builtins(token)
    del fields["digest"]
    fields["scopes"] = sorted(fields["scopes"])
    for name in ("created", "expires", "revoked"):
        time_us = fields.pop(f"{name}_us")
        fields[name] = None if time_us is None else _time(time_us)
    return msgspec.json.encode({**fields, "state": token.state(now_us)}).decode()


def _words(texts: list[str]) -> tuple[str, ...]:
    words = (word.strip() for text in texts for word in text.split(","))
    return tuple(dict.fromkeys(word for word in words if word))


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _time(time_us: int) -> str:
    return datetime.fromtimestamp(time_us / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
