"""SHA-256 checksums of files, see `pipelines.checksums`."""

from pipelines.checksums import SUMS_FILE, parse_sums, sha256, sums

__all__ = ["SUMS_FILE", "parse_sums", "sha256", "sums"]
