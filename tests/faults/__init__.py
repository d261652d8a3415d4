"""What happens when something breaks: processes killed, networks that lose answers, full disks, lost lines, clocks that
are set, poison, crowds. Everything is on loopback and seeded, and takes some two minutes on two idle cores; each kind
of test is also run against something that is wrong on purpose, and must catch it. Longer, by the environment:

    EARFUL_KILLS=300            random kills of sending, forwarding and intake (default 12)
    EARFUL_FAULT_KILLS=10000    kills of each command: at every statement and file operation (default 5)
    EARFUL_FAULT_SEED=5         which ones
    EARFUL_CROWD_SECONDS=60     how long the crowd works (default 4)
    EARFUL_CROWD_SEED=7         what it does
"""
