"""``python -m simulator`` is ``chipsim``."""

from simulator.experiment.cli import main

if __name__ == "__main__":
    main()
