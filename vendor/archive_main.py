# The root __main__ of cog.pyz: build_zipapp.py puts a copy there and fills in the three @words@.
#
# It is read by whatever Python the machine calls `python`, Python 2.7 included, so it is written in
# the syntax that all of them know, and everything newer is imported behind the check. `--version`
# is answered here: no other file of the archive is opened for it.
#
# The unpacked copy is a matter of speed alone: Python keeps compiled modules of a folder, of an
# archive it cannot. Its name holds the digest of the content; a folder that is not ours, or that
# others may write, is not touched; without a place for it the archive runs as it is.
import sys

if sys.version_info < (3, 9) and not (sys.version_info >= (3, 8) and sys.argv[1:2] == ["install"]):
    sys.stderr.write("error: cog needs Python 3.9 or newer, this is %d.%d.%d\n" % tuple(sys.version_info[:3]))
    sys.stderr.write("  %s\n" % sys.executable)
    sys.stderr.write("  fix: run it with a newer one, for example: python3.12 %s\n" % sys.argv[0])
    sys.exit(1)

import os

if sys.argv[1:] == ["--version"]:
    sys.stdout.write("cog version @VERSION@ (built @BUILT@)\n")
    sys.stdout.flush()
    os._exit(0)  # as at the end

import gc

gc.set_threshold(50000)  # loading modules makes much that stays: looking it through again and again is waste
_archive = os.path.abspath(sys.path[0])
_digest = "@DIGEST@"
_home = os.environ.get("COG_CACHE_DIR")
if _home is None:
    _home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    _home = os.path.join(_home, "cog") if os.path.isabs(_home) else ""
_place = os.path.join(os.path.abspath(_home), "app-" + _digest) if _home and hasattr(os, "getuid") else ""
_trusted = bool(_place)
for _folder in [_home, _place] if _place else []:
    try:
        _status = os.lstat(_folder)
        _trusted = _trusted and _status.st_mode & 0o170022 == 0o040000 and _status.st_uid == os.getuid()
    except OSError:
        _trusted = False

sys.path[0] = _archive
if _trusted:
    sys.path[0] = _place
elif _place and not {"-h", "--help", "help", "completion", "install"}.intersection(sys.argv[1:]) and sys.argv[1:]:
    try:
        from cog.cli.unpacked import unpack

        if unpack(_archive, _home, os.path.basename(_place)):
            for _name in [name for name in sys.modules if name == "cog" or name.startswith("cog.")]:
                del sys.modules[_name]
            sys.path[0] = _place
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)

if sys.path[0] == _place:
    # Compiled modules are what the copy is for. PYTHONDONTWRITEBYTECODE is about the user's own
    # folders, and still holds in every program that we start.
    sys.dont_write_bytecode = False

try:
    from cog.__main__ import main

    _status = main()
except KeyboardInterrupt:  # so early that nothing has been begun
    sys.stderr.write("interrupted\n")
    _status = 130

# Out at once: taking the interpreter apart properly would take as long as a third of the command.
# All that has to be done before is done: main() settles what it owes, and has no threads to wait for.
try:
    sys.stdout.flush()
    sys.stderr.flush()
except (OSError, ValueError):
    pass  # whoever listened has gone
os._exit(_status or 0)
