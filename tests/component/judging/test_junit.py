"""JUnit XML as each tool writes it, and as nobody should."""

import io
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hive_shared.judging import junit
from hive_shared.judging.junit import Reading, Report, ReportProblem
from hive_shared.judging.results import FAILED, MAX_NAME, PASSED, SKIPPED, Outcomes

PYTEST = """\
<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests"><testsuite name="pytest" \
errors="0" failures="1" skipped="2" tests="5" time="0.1" timestamp="2026-01-01" hostname="box">\
<testcase classname="tests.test_a.TestUpload" name="test_retry[1-a b]" time="0.001" />\
<testcase classname="tests.test_a.TestUpload" name="test_retry[2-&lt;é&gt;]" time="0.001">\
<failure message="assert 1 == 2">def test_retry():
&gt;       assert 1 == 2
E       assert 1 == 2</failure></testcase>\
<testcase classname="tests.test_a" name="test_skip" time="0.0"><skipped type="pytest.skip" \
message="why">tests/test_a.py:3: why</skipped></testcase>\
<testcase classname="tests.test_a" name="test_xfail" time="0.0"><skipped type="pytest.xfail" \
message="" /></testcase>\
<testcase classname="" name="tests.test_b" time="0.000"><error message="collection failure">\
ImportError: no module named nothing</error></testcase></testsuite></testsuites>
"""
JEST = """\
<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="jest tests" tests="3" failures="1" errors="0" time="1.2">
  <testsuite name="upload" errors="0" failures="1" skipped="1" timestamp="x" time="1" tests="3">
    <testcase classname="upload retries" name="upload retries" time="0.01">
    </testcase>
    <testcase classname="upload gives up" name="upload gives up" time="0.01">
      <failure>Error: expect(received).toBe(expected)</failure>
    </testcase>
    <testcase classname="upload later" name="upload later" time="0"><skipped/></testcase>
  </testsuite>
</testsuites>
"""
VITEST = """\
<?xml version="1.0" encoding="UTF-8" ?>
<testsuites name="vitest tests" tests="2" failures="0" errors="0" time="0.1">
    <testsuite name="test/a.test.ts" timestamp="x" hostname="h" tests="2" failures="0" errors="0">
        <testcase classname="test/a.test.ts" name="suite &gt; adds" time="0.001">
            <system-out>
<![CDATA[<failure>no failure, only printed</failure>]]>
            </system-out>
        </testcase>
        <testcase classname="test/b.test.ts" name="suite &gt; adds" time="0"><skipped/></testcase>
    </testsuite>
</testsuites>
"""
GOTESTSUM = """\
<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="3" failures="1" errors="0" time="0.2">
\t<testsuite tests="2" failures="1" time="0.1" name="example.org/shop/basket" timestamp="x">
\t\t<properties><property name="go.version" value="go1.22"></property></properties>
\t\t<testcase classname="example.org/shop/basket" name="TestTotal/empty" time="0.0"></testcase>
\t\t<testcase classname="example.org/shop/basket" name="TestTotal" time="0.0">
\t\t\t<failure message="Failed" type="">--- FAIL: TestTotal (0.00s)</failure>
\t\t</testcase>
\t</testsuite>
\t<testsuite tests="1" name="example.org/shop"><testcase classname="example.org/shop" \
name="TestSkip"><skipped message="--- SKIP"></skipped></testcase></testsuite>
</testsuites>
"""
SUREFIRE = """\
<?xml version="1.0" encoding="UTF-8"?>
<testsuite xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" version="3.0" \
name="org.example.BasketTest" time="0.05" tests="3" errors="1" skipped="0" failures="0">
  <testcase name="total" classname="org.example.BasketTest" time="0.01"/>
  <testcase name="sometimes" classname="org.example.BasketTest" time="0.01">
    <flakyFailure message="timing" type="java.lang.AssertionError"><stackTrace>at</stackTrace>\
</flakyFailure>
  </testcase>
  <testcase name="broken" classname="org.example.BasketTest" time="0.01">
    <error message="boom" type="java.lang.IllegalStateException">at org.example.Basket</error>
    <rerunFailure message="boom" type="x"><stackTrace>at</stackTrace></rerunFailure>
  </testcase>
</testsuite>
"""
NEXTEST = """\
<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="nextest-run" tests="2" failures="1" errors="0" uuid="u" timestamp="t" time="0.1">
    <testsuite name="basket" tests="2" disabled="0" errors="0" failures="1">
        <testcase name="total::empty" classname="basket" timestamp="t" time="0.01"/>
        <testcase name="total::full" classname="basket" timestamp="t" time="0.01">
            <failure type="test failure with exit code 101">thread panicked</failure>
        </testcase>
    </testsuite>
</testsuites>
"""
GTEST = """\
<testsuites><testsuite name="Basket">
<testcase name="Total" status="run" result="completed" classname="Basket"/>
<testcase name="DISABLED_Later" status="notrun" result="suppressed" classname="Basket"/>
</testsuite></testsuites>
"""


def read(*texts: str | bytes) -> Report:
    reading = Reading()
    for number, text in enumerate(texts):
        content = text if isinstance(text, bytes) else text.encode()
        reading.read(io.BytesIO(content), f"report-{number}.xml")
    return reading.report()


def refusal(text: str | bytes) -> str:
    with pytest.raises(ReportProblem) as caught:
        read(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            PYTEST,
            {
                "tests.test_a.TestUpload::test_retry[1-a b]": PASSED,
                "tests.test_a.TestUpload::test_retry[2-<é>]": FAILED,
                "tests.test_a::test_skip": SKIPPED,
                "tests.test_a::test_xfail": SKIPPED,
                "pytest::tests.test_b": FAILED,
            },
        ),
        (
            JEST,
            {
                "upload retries::upload retries": PASSED,
                "upload gives up::upload gives up": FAILED,
                "upload later::upload later": SKIPPED,
            },
        ),
        (
            VITEST,
            {"test/a.test.ts::suite > adds": PASSED, "test/b.test.ts::suite > adds": SKIPPED},
        ),
        (
            GOTESTSUM,
            {
                "example.org/shop/basket::TestTotal/empty": PASSED,
                "example.org/shop/basket::TestTotal": FAILED,
                "example.org/shop::TestSkip": SKIPPED,
            },
        ),
        (
            SUREFIRE,
            {
                "org.example.BasketTest::total": PASSED,
                "org.example.BasketTest::sometimes": PASSED,
                "org.example.BasketTest::broken": FAILED,
            },
        ),
        (NEXTEST, {"basket::total::empty": PASSED, "basket::total::full": FAILED}),
        (GTEST, {"Basket::Total": PASSED, "Basket::DISABLED_Later": SKIPPED}),
        ("<testsuites/>", {}),
    ],
    ids=["pytest", "jest", "vitest", "gotestsum", "surefire", "nextest", "gtest", "empty"],
)
def test_each_tools_report_is_read(text: str, expected: dict[str, Outcomes]) -> None:
    assert read(text).tests == expected


def test_pytest_itself_writes_what_is_read(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import pytest\n"
        "@pytest.mark.parametrize('n', [1, 2])\n"
        "def test_n(n): assert n == 1, 'not one'\n"
        "@pytest.mark.skip\n"
        "def test_later(): pass\n"
        "@pytest.fixture\n"
        "def broken():\n"
        "    yield\n"
        "    raise OSError('left open')\n"
        "def test_down(broken): pass\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    subprocess.run(
        [*command, "--junitxml=junit.xml", "--rootdir=.", "test_it.py"],
        cwd=tmp_path, capture_output=True, check=False,
    )  # fmt: skip
    report = read((tmp_path / "junit.xml").read_bytes())
    found = {name.rpartition("::")[2]: outcomes for name, outcomes in report.tests.items()}
    assert found["test_n[1]"] == PASSED
    assert found["test_n[2]"] == FAILED
    assert found["test_later"] == SKIPPED
    assert found["test_down"].failed
    (said,) = [text for name, text in report.messages.items() if "test_n" in name]
    assert said.count("AssertionError: not one") == 1


def test_the_files_of_one_report_are_one_run() -> None:
    assert len(read(PYTEST, SUREFIRE).tests) == 8


def test_a_failing_test_says_why_once() -> None:
    report = read(PYTEST)
    said = report.messages["tests.test_a.TestUpload::test_retry[2-<é>]"]
    assert said.count("assert 1 == 2") == 2, "as in the text; the attribute repeats it"
    assert report.messages["pytest::tests.test_b"] == (
        "collection failure\nImportError: no module named nothing"
    )


def test_tests_of_one_name_are_counted() -> None:
    case = '<testcase classname="c" name="t"/>'
    bad = '<testcase classname="c" name="t"><error/></testcase>'
    assert read(f"<testsuite>{case}{bad}{case}</testsuite>").tests == {"c::t": Outcomes(2, 1, 0)}


def test_tests_without_a_name_are_tests_too() -> None:
    report = read(
        '<testsuite name="s"><testcase/><testcase name="n"/></testsuite>',
        "<testsuite><testcase/></testsuite>",
    )
    assert report.tests == {"s": PASSED, "s::n": PASSED, "(a test without a name)": PASSED}


def test_a_suite_that_could_not_begin_is_a_failure() -> None:
    report = read('<testsuite name="s"><error message="no db"/></testsuite>')
    assert (report.tests, report.messages) == ({"s": FAILED}, {"s": "no db"})


def test_names_that_are_too_long_stay_different() -> None:
    one, two = "x" * 5_000 + "1", "x" * 5_000 + "2"
    names = list(read(f'<s><testcase name="{one}"/><testcase name="{two}"/></s>').tests)
    assert len(names) == 2
    assert all(len(name) < MAX_NAME + 20 for name in names)


def test_of_a_long_message_the_beginning_and_the_end_are_kept() -> None:
    text = "begin" + "x" * 3_000_000 + "end"
    report = read(f'<s><testcase name="t"><failure>{text}</failure></testcase></s>')
    said = report.messages["t"]
    assert len(said) < junit.MAX_MESSAGE + 20
    assert said.startswith("begin")
    assert said.endswith("end")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is no XML: no element found"),
        ("<testsuite><testcase name='a'/>", "is no XML: no element found"),
        ("<testsuite></wrong>", "is no XML: mismatched tag"),
        (b"\x00\xff\xfe nothing", "is no XML"),
        ("plain text", "is no XML: syntax error"),
        (
            '<!DOCTYPE t [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><s><testcase name="&b;"/></s>',
            "has a document type",
        ),
        (
            '<!DOCTYPE t [<!ENTITY x SYSTEM "file:///etc/passwd">]><testsuite>&x;</testsuite>',
            "has a document type",
        ),
        ("<a>" * 100 + "</a>" * 100, "deeper than 64"),
        ('<?xml version="1.0" encoding="klingon"?><testsuite/>', "cannot be decoded"),
    ],
    ids=[
        "nothing", "cut-off", "unbalanced", "bytes", "text", "bomb", "external", "deep", "encoding",
    ],
)  # fmt: skip
def test_what_is_no_report_is_refused_by_name(text: str | bytes, why: str) -> None:
    said = refusal(text)
    assert said.startswith("report-0.xml ")
    assert why in said


def test_a_report_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(junit, "MAX_TESTS", 3)
    assert "more than 3 tests" in refusal("<s>" + '<testcase name="t"/>' * 4 + "</s>")
    monkeypatch.setattr(junit, "MAX_BYTES", 1 << 20)
    assert "has more than 1 MiB" in refusal("<s>" + " " * (1 << 20) + "</s>")


def test_of_very_many_failures_only_some_messages_are_kept() -> None:
    cases = "".join(f'<testcase name="{n}"><error/></testcase>' for n in range(900))
    report = read(f"<s>{cases}</s>")
    assert (len(report.tests), len(report.messages)) == (900, junit.MAX_MESSAGES)


@given(st.binary(max_size=400) | st.text(max_size=400).map(lambda text: f"<s>{text}".encode()))
def test_whatever_a_report_holds_it_is_read_or_refused(content: bytes) -> None:
    with suppress(ReportProblem):
        assert read(content).tests is not None
