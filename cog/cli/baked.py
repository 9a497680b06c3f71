"""What build_zipapp.py knows and a checkout does not: it writes this module anew into the archive."""

BUILT = "from source"
RELEASE_URL = ""
DIGEST = ""  # of all other entries of the archive; names the unpacked cache
