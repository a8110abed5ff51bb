# SPDX-License-Identifier: MIT
"""Programs that do to signals, processes and environments what real ones do: with pyrec they print
the same, leave the same and end the same as without.
"""
import beside


def test_differences_are_seen(t):
    """The comparison itself: each of these programs can tell that it is recorded."""
    tell = "import os, sys; told = 'PYREC_AGENT' in os.environ\n"
    for tail in ("print(told)", "sys.stderr.write(str(told))", "sys.exit(told)",
                 "open('left', 'w').write(str(told))", "told and open('left', 'w')"):
        command = [t.python, "-c", tell + tail]
        one, other = beside.bare(t, command), beside.recorded(t, command)
        try:
            beside.compare(one, other)
        except AssertionError:
            continue
        raise AssertionError(f"not noticed: {tail}")
    both = beside.same(t, [t.python, "-c", "open('kept').read(); print('same')"],
                       files={"kept": "x"}, status=0)
    assert both.bare.out == "same\n" and both.bare.left == {"kept": b"x"}, both.bare.out
    assert t.rows("threads", both.recorded[0].trace), "nothing was recorded"
