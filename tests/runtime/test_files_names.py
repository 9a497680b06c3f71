"""What an input's file is called, and which addresses and sizes the environment may name."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cog.runtime_stdlib.service.downloads import DownloadFailed, Policy, forms, input_name, shorten, size


@pytest.mark.parametrize(
    "url, name",
    [
        ("http://h/files/note.txt", "note.txt"),
        ("http://h/files/note.txt?sig=1&x=a/b.png", "note.txt"),
        ("http://h/files/note.txt#frag/x", "note.txt"),
        ("http://h/files/with%20space.txt", "with space.txt"),
        ("http://h/files/caf%C3%A9.txt", "café.txt"),
        ("http://h/files/plus+sign.txt", "plus sign.txt"),
        ("http://h/files/a%2Fnote.txt", "a_note.txt"),
        ("http://h/files/nul%00.txt", "nul_.txt"),
        ("http://h/files/%FF.txt", "\ufffd.txt"),
        ("http://h/files/..", ".."),
        ("http://h/files/", ""),
        ("http://h", ""),
        ("HTTPS://h/A.PNG", "A.PNG"),
        ("data:image/png;base64,AAAA", "file.png"),
        ("DATA:TEXT/CSV,x", "file.csv"),
        ("data:,x", "file.txt"),
        ("data:application/x-no-such-thing;base64,eA==", "file"),
        ("data:nonsense", "file"),
    ],
)
def test_the_name_is_the_one_in_the_url(url, name):
    assert input_name(url) == name


@pytest.mark.parametrize(
    "name, short",
    [
        ("n" * 300 + ".txt", "n" * 195 + "~.txt"),
        ("é" * 300 + ".jpeg", "é" * 97 + "~.jpeg"),
        ("q" * 300, "q" * 199 + "~"),
        ("k" * 200, "k" * 200),
        ("k" * 197 + ".txt", "k" * 195 + "~.txt"),
        ("k." + "x" * 300, "k." + "x" * 197 + "~"),
        ("." + "k" * 300, "." + "k" * 198 + "~"),
    ],
)
def test_long_names_are_shortened_and_keep_their_extension(name, short):
    assert shorten(name) == short


@settings(deadline=None)
@given(st.text(max_size=300))
def test_a_short_name_is_at_most_200_bytes_of_valid_text(name):
    short = shorten(name)
    assert len(short.encode("utf-8")) <= 200
    if len(name.encode("utf-8", "replace")) <= 200:
        assert short == name.encode("utf-8", "replace").decode()


@pytest.mark.parametrize(
    "text, value",
    [
        ("", None),
        ("0", None),
        ("1048576", 1 << 20),
        ("4k", 4096),
        ("64m", 64 << 20),
        ("500 MB", 500_000_000),
        ("2GiB", 2 << 30),
        ("1T", 1 << 40),
    ],
)
def test_sizes_are_written_as_people_write_them(text, value):
    assert size(text, "X") == value


@pytest.mark.parametrize("text", ["many", "-1", "1.5G", "²", "M", "5X", "5MBB"])
def test_other_sizes_are_an_error(text):
    with pytest.raises(DownloadFailed, match="COG_MAX_DOWNLOAD_SIZE is no size"):
        Policy({"COG_MAX_DOWNLOAD_SIZE": text})


def test_an_ipv6_address_stands_for_the_ipv4_address_in_it():
    assert [str(address) for address in forms("::ffff:10.0.0.1")][1:] == ["10.0.0.1"]
    assert [str(address) for address in forms("[64:ff9b::a00:1]")][1:] == ["10.0.0.1"]
    assert [str(address) for address in forms("2002:a00:1::5")][1:] == ["10.0.0.1"]
    assert [str(address) for address in forms("fe80::1%eth0")] == ["fe80::1"]
    assert forms("example.com") == []


def allowed(policy, host, address):
    try:
        policy.check(host, None)
        policy.check(host, address)
        return True
    except DownloadFailed:
        return False


@pytest.mark.parametrize(
    "deny, allow, host, address, answer",
    [
        ("", "", "example.com", "93.184.216.34", True),
        ("", "", "intranet", "10.0.0.1", True),
        ("10.0.0.0/8, 192.168.0.0/16", "", "intranet", "10.0.0.1", False),
        ("10.0.0.0/8", "10.0.0.1", "intranet", "10.0.0.1", True),
        ("10.0.0.0/8", "intranet", "intranet", "10.0.0.1", True),
        ("example.com", "", "a.b.example.com", "1.2.3.4", False),
        ("example.com", "", "notexample.com", "1.2.3.4", True),
        ("*", "example.com", "cdn.example.com", "1.2.3.4", True),
        ("*", "example.com", "example.org", "1.2.3.4", False),
        ("*", "1.2.3.0/24", "example.org", "1.2.3.4", True),
        ("*", "1.2.3.0/24", "example.org", "1.2.4.4", False),
        ("::/0 0.0.0.0/0", "", "example.org", "2001:db8::1", False),
        ("", "169.254.169.254", "169.254.169.254", "169.254.169.254", True),
        ("", "metadata.google.internal", "metadata.google.internal", "169.254.169.254", True),
        ("", "example.com", "x.com", "169.254.169.254", False),
    ],
)
def test_the_environment_says_what_may_be_fetched(deny, allow, host, address, answer):
    assert allowed(Policy({"COG_URL_DENY": deny, "COG_URL_ALLOW": allow}), host, address) is answer
