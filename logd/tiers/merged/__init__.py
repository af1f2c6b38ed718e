"""Two tiers asked as one."""
