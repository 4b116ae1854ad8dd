"""Where our output differs from the recordings, and why: each command that does stands under one reason."""

LINES, AGREEING = 2636, 2416

DIFFERENCES: dict[str, dict[str, tuple[int, ...]]] = {
    "requests over HTTP: there is no server yet": {"12": tuple(range(44, 83))},
    "the daemon was killed and its containers ended with 0; here the machine lost power, so they have 137": {
        "06": (16, 17, 18, 19, 20, 21, 22, 24, 26),
    },
    "--help is in our own words": {"01": (56,)},
    "the machine of the recording: its mirror, its images, debugging switched on": {"01": (35,), "13": (32, 34)},
    "what went before the recording: events of services, of which no transcript tells": {"13": (33,)},
    "the recording named a service by an id that ours has not": {"12": (84,)},
    "nodes of the recording still had their own copy of a removed network; the rest follows from that": {
        "11": (34, 36)
    },
    "the parts of a stack are made in random order by docker, and by name here": {"11": (32,)},
    "a volume of the stack is still there, since its task stood on the node that is asked": {"11": (25,)},
    "which of equal nodes had one more task, and so which address": {
        "05": (10, 13, 16, 19, 25),
        "07": (14, 27),
        "14": (12, 14, 30),
        "15": (4,),
    },
    "the instant at which it is looked, between two states": {
        "02": (24,),
        "07": (3, 24, 25),
        "08": (5, 60),
        "09": (9, 10),
        "11": (37,),
        "15": (15, 16, 19),
        "16": (12,),
    },
    "managers are named in another order": {"07": (15,)},
    "what a script of the recording printed below the command": {"18": (32,)},
}
KNOWN = {
    (file, number): why for why, files in DIFFERENCES.items() for file, numbers in files.items() for number in numbers
}
