"""Registry placeholder filled below."""

MAX_PUBLISHED_OBJECT = 24 * 1024
