"""A job's process, run for real: what it leaves behind for every way it can go."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from bms.core.workloads.programs import CODE, INPUTS, JobConfig, JobEvent, JobResult, Places
from tests.worlds.written_datasets import write_dataset


class Attempt:
    """One job in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.code = directory / "code"
        self.code.mkdir(parents=True)

    def script(self, text: str, name: str = "train.py") -> None:
        (self.code / name).write_text(textwrap.dedent(text))

    def start(self, entry: str = "train.py", **fields: Any) -> subprocess.Popen[bytes]:
        trees = {INPUTS + name: str(path) for name, path in fields.pop("inputs", {}).items()}
        if code := fields.pop("code", str(self.code)):
            trees[CODE] = code
        config = JobConfig(**{"job": "job_1", "attempt": 2, "entry": entry} | fields)
        places = Places(directory=str(self.directory), socket="", trees=trees)
        path = self.directory / "config.json"
        path.write_bytes(msgspec.json.encode({"config": config, "places": places}))
        return subprocess.Popen([sys.executable, "-m", "bms.app.job", str(path)], cwd=self.directory)

    def run(self, entry: str = "train.py", **fields: Any) -> JobResult:
        process = self.start(entry, **fields)
        code = process.wait(60)
        result = self.result()
        assert (code == 0) == (result.state == "succeeded"), self.log()
        return result

    def result(self) -> JobResult:
        return msgspec.json.decode((self.directory / "result.json").read_bytes(), type=JobResult)

    def events(self) -> list[JobEvent]:
        lines = (self.directory / "events.jsonl").read_bytes().splitlines()
        return [msgspec.json.decode(line, type=JobEvent) for line in lines]

    def log(self) -> str:
        return (self.directory / "job.log").read_text()


AT = "(train.py, line 2)"


@pytest.fixture
def attempt(tmp_path: Path) -> Attempt:
    return Attempt(tmp_path / "attempt")


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def test_a_scripts_main_gets_the_job_and_its_answer_is_the_report(attempt: Attempt, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rows.txt").write_text("1 2 3")
    attempt.script(
        """
        from bms.jobs import Job, current_job

        def main(job: Job) -> dict[str, object]:
            total = sum(map(int, (job.inputs["data"] / "rows.txt").read_text().split()))
            (job.output / "model.txt").write_text(str(total * job.parameters["factor"]))
            job.checkpoint.joinpath("epoch").write_text("1")
            job.progress(0.5, "half way")
            job.metric("loss", 0.5, step=1)
            job.metric("loss", 0.25, step=2)
            print("hello from", job.id, "attempt", job.attempt, current_job() is job)
            return {"total": total, "threads": job.threads}

        if __name__ == "__main__":
            raise RuntimeError("started by hand")
        """
    )
    result = attempt.run(inputs={"data": tmp_path / "data"}, parameters={"factor": 10}, threads=3)
    assert result == JobResult(state="succeeded", metrics={"loss": 0.25}, report={"total": 6, "threads": 3})
    assert (attempt.directory / "output" / "model.txt").read_text() == "60"
    assert (attempt.directory / "checkpoint" / "epoch").read_text() == "1"
    said = [(event.progress, event.message, event.metrics, event.step) for event in attempt.events()]
    assert said == [(0.5, "half way", {}, None), (None, "", {"loss": 0.5}, 1), (None, "", {"loss": 0.25}, 2)]
    assert "hello from job_1 attempt 2 True" in attempt.log()


def test_a_script_without_main_runs_as_by_hand(attempt: Attempt) -> None:
    attempt.script("print('imported beside it')", name="beside.py")
    attempt.script(
        """
        import os, sys
        import beside
        from bms.jobs import current_job

        if __name__ == "__main__":
            current_job().output.joinpath("where").write_text(os.getcwd())
            print(sys.argv)
        """
    )
    assert attempt.run().state == "succeeded"
    assert (attempt.directory / "output" / "where").read_text() == str(attempt.directory / "work")
    assert "imported beside it" in attempt.log()


def test_nothing_is_written_into_the_code(attempt: Attempt) -> None:
    attempt.script("import beside\ndef main(job): pass\n")
    attempt.script("", name="beside.py")
    (attempt.code / "package").mkdir()
    attempt.script("", name="package/__init__.py")
    attempt.script("import package\n", name="beside.py")
    assert attempt.run().state == "succeeded"
    assert list(attempt.code.rglob("__pycache__")) == []


def test_processes_of_a_script_find_what_it_defines(attempt: Attempt) -> None:
    attempt.script(
        """
        import multiprocessing

        def double(x):
            return 2 * x

        def main(job):
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                return {"doubled": pool.map(double, [1, 2])}
        """
    )
    assert attempt.run().report == {"doubled": [2, 4]}


def test_an_exception_fails_with_one_line_and_a_traceback_in_the_log(attempt: Attempt) -> None:
    attempt.script("def main(job):\n    job.metric('loss', 1)\n    raise ValueError('rows differ\\nsecond line')\n")
    error = "ValueError: rows differ second line (train.py, line 3)"
    assert attempt.run() == JobResult(state="failed", error=error, metrics={"loss": 1.0})
    assert "Traceback" in attempt.log()
    assert "train.py" in attempt.log()


def test_an_error_of_ours_is_told_word_for_word(attempt: Attempt) -> None:
    attempt.script(
        """
        from bms.core.errors import InvalidArgument
        def main(job):
            raise InvalidArgument("use at least 10 rows")
        """
    )
    assert attempt.run().error == "use at least 10 rows"


@pytest.mark.parametrize(
    ("leave", "state", "error"),
    [
        ("sys.exit()", "succeeded", ""),
        ("sys.exit(0)", "succeeded", ""),
        ("sys.exit(3)", "failed", "it exited with status 3"),
        ("sys.exit('no data')", "failed", "no data"),
        (
            "import absent_module",
            "failed",
            f"ModuleNotFoundError: No module named 'absent_module' {AT}: `--requirement absent_module` installs it",
        ),
        ("assert False", "failed", f"AssertionError {AT}"),
        ("raise KeyboardInterrupt", "failed", f"KeyboardInterrupt {AT}"),
    ],
)
def test_how_a_script_leaves_is_how_the_job_ends(attempt: Attempt, leave: str, state: str, error: str) -> None:
    attempt.script(f"import sys\n{leave}\n")
    result = attempt.run()
    assert (result.state, result.error) == (state, error)


def test_an_error_is_told_by_the_jobs_own_line_and_traced_from_there(attempt: Attempt) -> None:
    attempt.script("import json\n\ndef read():\n    return json.loads('{')\n", name="reading.py")
    attempt.script("import reading\n\ndef main(job):\n    reading.read()\n")
    result = attempt.run()
    assert result.error.startswith("JSONDecodeError: Expecting property name")
    assert result.error.endswith(" (reading.py, line 4)")
    frames = [line for line in attempt.log().splitlines() if line.startswith("  File ")]
    assert "train.py" in frames[0]
    assert not any("bms" in frame for frame in frames)


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        ("task:no_such", "there is no task 'no_such'"),
        ("task:../job", "there is no task '../job'"),
        ("absent.py", "entry 'absent.py' is not a Python file of the job's code"),
        ("../config.json", "entry '../config.json' is not a Python file of the job's code"),
        ("/etc/passwd", "entry '/etc/passwd' is not a Python file of the job's code"),
        ("link.py", "entry 'link.py' is not a Python file of the job's code"),
        ("broken.py", "SyntaxError: invalid syntax (broken.py, line 1)"),
    ],
)
def test_an_entry_that_can_not_be_run_is_named(attempt: Attempt, entry: str, error: str) -> None:
    attempt.script("def", name="broken.py")
    (attempt.code / "link.py").symlink_to(Path(os.__file__))
    result = attempt.run(entry)
    assert result.state == "failed"
    assert result.error.startswith(error)


def test_a_script_without_code_is_refused(attempt: Attempt) -> None:
    assert attempt.run(code=None).error == "entry 'train.py' is a script, and this job has no code"


def test_a_task_of_the_platform_is_run(attempt: Attempt) -> None:
    result = attempt.run("task:import_dataset", code=None, parameters={"format": "nonsense"})
    assert result.state == "failed"
    assert "the import's parameters are wrong" in result.error


def test_what_c_code_and_children_say_is_in_the_log(attempt: Attempt) -> None:
    attempt.script(
        """
        import logging, os, subprocess, sys
        print("printed ü \\udcff")
        os.write(1, b"written\\n")
        subprocess.run([sys.executable, "-c", "import sys; print('a child', file=sys.stderr)"], check=True)
        logging.getLogger("mine").info("logged")
        """
    )
    assert attempt.run().state == "succeeded"
    log = attempt.log()
    assert [line for line in ("printed ü \\udcff", "written", "a child", "INFO mine: logged") if line not in log] == []


def test_figures_that_json_does_not_have_are_told_as_words(attempt: Attempt) -> None:
    attempt.script(
        """
        import numpy
        def main(job):
            job.metric("loss", 1.0, step=1)
            job.metrics({"loss": float("nan"), "best": numpy.float32(0.5)}, step=2)
            job.metric("speed", numpy.inf)
            return {"array": numpy.arange(3), "scalar": numpy.int64(7), "path": job.output, "nan": float("nan")}
        """
    )
    result = attempt.run()
    assert result.metrics == {"loss": "NaN", "best": 0.5, "speed": "Infinity"}
    assert result.report == {
        "array": [0, 1, 2],
        "scalar": 7,
        "path": str(attempt.directory / "output"),
        "nan": "NaN",
    }
    assert [event.metrics for event in attempt.events()] == [
        {"loss": 1.0}, {"loss": "NaN", "best": 0.5}, {"speed": "Infinity"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("42", "main returned a int: expected a dictionary or None"),
        (
            "{'f': print}",
            "main returned a value that JSON can't hold: a builtin_function_or_method is none of",
        ),
        ("{'x': 'y' * 5_000_000}", "its report has 50000"),
    ],
)
def test_an_answer_that_is_no_report_fails_the_job(attempt: Attempt, answer: str, error: str) -> None:
    attempt.script(f"def main(job):\n    return {answer}\n")
    result = attempt.run()
    assert result.state == "failed"
    assert result.error.startswith(error)


def test_events_stay_lines_within_their_limits(attempt: Attempt) -> None:
    attempt.script(
        """
        def main(job):
            job.progress(7, "\\x00" * 1_000_000)
            job.progress(-1)
            job.metrics({f"{number:03}" + "\\x01" * 197: number for number in range(500)})
            for number in range(200_000):
                job.progress(0.5, "x" * 100)
            job.metric("last", 1)
        """
    )
    result = attempt.run()
    assert result.metrics["last"] == 1.0
    lines = (attempt.directory / "events.jsonl").read_bytes().splitlines()
    assert max(map(len, lines)) < 64 * 1024
    assert sum(map(len, lines)) < 4.1 * 2**20
    assert "left out" in json.loads(lines[-1])["message"]
    assert [event.progress for event in attempt.events()[:2]] == [1.0, 0.0]


def cancel(attempt: Attempt, process: subprocess.Popen[bytes]) -> JobResult:
    until((attempt.directory / "output" / "ready").exists)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143
    return attempt.result()


def test_sigterm_gives_the_code_a_chance_and_ends_as_cancelled(attempt: Attempt) -> None:
    attempt.script(
        """
        import time
        def main(job):
            try:
                while True:
                    try:
                        (job.output / "ready").touch()
                        time.sleep(600)
                    except Exception:
                        pass
            finally:
                print("cleaned up")
        """
    )
    result = cancel(attempt, attempt.start())
    assert (result.state, result.error) == ("failed", "cancelled")
    assert "cleaned up" in attempt.log()


def test_a_library_that_takes_the_cancellation_for_a_failure_does_not_make_it_one(attempt: Attempt) -> None:
    attempt.script(
        """
        import time
        def main(job):
            try:
                (job.output / "ready").touch()
                time.sleep(600)
            except BaseException as error:
                raise RuntimeError("the model could not be read") from error
        """
    )
    result = cancel(attempt, attempt.start())
    assert (result.state, result.error) == ("failed", "cancelled")


@pytest.mark.parametrize("moment", ["import", "predict"])
def test_a_verification_that_is_cancelled_says_nothing_of_the_model(attempt: Attempt, moment: str) -> None:
    ready = attempt.directory / "output" / "ready"
    wait = f"open({str(ready)!r}, 'w').close(); import time; time.sleep(600)"
    code = f"""
        {wait if moment == "import" else ""}
        class Model:
            signature = {{"inputs": [{{"name": "x", "dtype": "FP32", "shape": [None, 2]}}],
                         "outputs": [{{"name": "y", "dtype": "FP32", "shape": [None, 2]}}]}}
            def predict(self, x):
                {wait if moment == "predict" else "pass"}
                return {{"y": x}}
        """
    attempt.script(code, name="model.py")
    asked = {"runtime": "python", "model": "m", "version": 1}
    inputs = {"artifact": attempt.code}
    process = attempt.start("task:verify", code=None, inputs=inputs, parameters={"servable": asked})
    result = cancel(attempt, process)
    assert (result.state, result.error, result.report) == ("failed", "cancelled", {}), attempt.log()


def test_code_that_does_not_hear_sigterm_is_ended_as_cancelled(attempt: Attempt) -> None:
    attempt.script(
        """
        import time
        from pathlib import Path
        def main(job):
            job.metric("loss", 1)
            while True:
                try:
                    (job.output / "ready").touch()
                    time.sleep(600)
                except BaseException:
                    print("I go on")
        """
    )
    result = cancel(attempt, attempt.start())
    assert (result.error, result.metrics) == ("cancelled", {"loss": 1.0})
    assert "I go on" in attempt.log()


def test_a_killed_attempt_leaves_no_result_and_an_older_one_is_gone(attempt: Attempt) -> None:
    attempt.script("import time\ndef main(job):\n    (job.output / 'ready').touch()\n    time.sleep(600)\n")
    (attempt.directory / "result.json").write_text('{"state": "succeeded"}')
    process = attempt.start()
    until((attempt.directory / "output" / "ready").exists)
    process.kill()
    process.wait()
    assert not (attempt.directory / "result.json").exists()


def test_threads_and_exit_functions_do_not_hold_up_the_end(attempt: Attempt) -> None:
    attempt.script(
        """
        import atexit, threading, time
        def main(job):
            threading.Thread(target=time.sleep, args=(600,)).start()
            atexit.register(lambda: (job.output / "at_exit").touch())
        """
    )
    assert attempt.run().state == "succeeded"
    assert (attempt.directory / "output" / "at_exit").exists()


def test_a_config_that_is_not_one_is_said_on_stderr(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"job": 1}')
    command = [sys.executable, "-m", "bms.app.job"]
    for arguments, code, words in (
        ([str(tmp_path / "config.json")], 78, "holds no JobConfig"),
        ([str(tmp_path / "absent.json")], 78, "can't be read"),
        ([], 64, "usage:"),
    ):
        ended = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=60)
        assert ended.returncode == code
        assert words in ended.stderr


def test_no_program_of_a_job_gains_rights(attempt: Attempt) -> None:
    attempt.script("def main(job):\n    return {'status': open('/proc/self/status').read()}\n")
    assert "NoNewPrivs:\t1" in str(attempt.run().report["status"])


def test_an_attempt_that_leaves_no_model_though_one_was_asked_for_has_failed(attempt: Attempt) -> None:
    attempt.script(
        "def main(job):\n    (job.output / 'model').mkdir(exist_ok=True)\n    (job.output / 'other').write_text('x')\n"
    )
    assert attempt.run().state == "succeeded"
    result = attempt.run(model=True)
    assert result.state == "failed"
    assert "it left none: save it by `job.save_model(model)`" in result.error
    assert result.error in attempt.log()


def test_a_job_reads_its_data_as_arrays_and_saves_what_it_made(attempt: Attempt, tmp_path: Path) -> None:
    """The model is a file that is there already."""
    data = tmp_path / "data"
    write_dataset(data, {"x": np.ones((5, 3)), "n": np.arange(5)}, label=np.arange(5) % 2, classes=("even", "odd"))
    attempt.script(
        """
        from pathlib import Path
        from bms.jobs import Job

        def main(job: Job):
            data = job.dataset()
            x, y = data.arrays("train")
            job.save_model(job.parameters["model"], labels=data.classes, example=x, metadata={"by": "hand"})
            return {"x": list(x.shape), "dtype": str(x.dtype), "y": str(y.dtype), "rows": data.splits["train"]}
        """
    )
    parameters = {"model": str(Path(__file__).parents[2] / "data" / "digits.onnx")}
    result = attempt.run(inputs={"data": data}, parameters=parameters, model=True)
    assert (result.state, result.error) == ("succeeded", "")
    assert result.report == {"x": [5, 4], "dtype": "float64", "y": "int64", "rows": 5}
    made = attempt.directory / "output"
    assert sorted(path.name for path in (made / "model").iterdir()) == ["digits.onnx", "example.json"]
    card = json.loads((made / "version.json").read_bytes())
    assert (card["labels"], card["metadata"]) == (["even", "odd"], {"by": "hand"})
