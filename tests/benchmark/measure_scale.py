"""What many prompts cost: import, start after a kill, sampling, memory, in the
figures' form. There is nothing to compare with; `vade-load scale` measures.

    measure_scale.py --bin FOLDER --prompts 10000000 [--deal]
"""

import argparse
import json
import pathlib
import subprocess
import sys

from figures import end_on_signals, print_figure


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--prompts", type=int, default=10_000_000)
    parser.add_argument("--deal", action="store_true",
                        help="deal and report each prompt once, too")
    flags = parser.parse_args()
    end_on_signals()
    command = [str(flags.bin / "vade-load"), "scale",
               f"--prompts={flags.prompts}"]
    if flags.deal:
        command.append("--deal")
    dealt = False
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stdout:
                figure = json.loads(line)
                name = figure["name"]
                dealt = dealt or name == "dealing"
                if dealt and name == "restart_after_kill":
                    name = "restart_after_dealing_and_kill"
                print_figure(f"{name}_{flags.prompts}", figure["unit"], "none",
                             [figure["value"]], [], prompts=flags.prompts)
        except BaseException:
            process.terminate()
            raise
    return process.returncode


if __name__ == "__main__":
    sys.exit(main())
