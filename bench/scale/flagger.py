"""Flagger 1.44.0 as shipped, measured with the same releases on another day; see bench/README.md.

The same releases and the same good and bad answers, not the same queries: Flagger asks two a check
and Canary, canaryd groups. Its Events column counts what had arrived when the run ended.
"""

from __future__ import annotations

from typing import Final

INTERVAL: Final = 10.0
"""Seconds."""
FIGURES: Final[dict[str, dict[str, dict[int, str]]]] = {
    "idle": {
        "requests per tick": {1: "12", 50: "12", 200: "12", 500: "12"},
        "CPU ms per tick": {1: "4.0-6.3", 50: "2.9-3.3", 200: "5.4-5.7", 500: "5.2-5.8"},
        "CPU % of a core": {1: "0.05", 50: "1.5", 200: "6.5-7.0", 500: "6.4-7.4"},
        "control plane CPU %": {1: "1.7", 50: "5.7", 200: "24-29", 500: "22-26"},
        "real interval s": {1: "10.0", 50: "10.0", 200: "16.0", 500: "40.0"},
        "RSS MiB": {1: "56", 50: "67", 200: "79", 500: "87"},
    },
    "release": {
        "requests each": {1: "172", 50: "171", 200: "164"},
        "requests per advancing tick": {1: "18.8", 50: "18.8"},
        "push to first weight s": {1: "17.3", 50: "14.4", 200: "37.8"},
        "CPU ms per tick": {1: "7.8", 50: "6.7", 200: "8.7"},
        "CPU ms each": {1: "70", 50: "60", 200: "78"},
        "gap between weights s": {1: "10.00/-/10.01", 50: "9.99/-/10.73", 200: "20.10/-/20.27"},
        "late s": {1: "0.00/-/0.01", 50: "-0.01/-/0.73", 200: "10.1/-/10.3"},
        "release s": {1: "87.3/-/87.3", 50: "84.5/-/84.7", 200: "182.6/-/193.2"},
        "RSS MiB": {1: "59", 50: "68", 200: "82"},
        "HWM MiB": {200: "82"},
        "Events": {200: "96 of 2000"},
        "Prometheus queries": {1: "10", 50: "500", 200: "2000"},
    },
    "10 turn bad": {
        "fault to weight 0 s": {
            1: "54.9/-/58.9 (of 20)",
            50: "54.9/-/58.9 (of 20)",
            200: "115.7/-/119.9",
        },
    },
    "restart, idle": {
        "start to all decided s": {1: "10.4", 200: "20.8", 500: "80.3"},
        "CPU s until then": {1: "0.04", 200: "0.92", 500: "4.8"},
    },
    "kill -9": {"start to first weight s": {1: "10.4", 50: "10.4"}},
    "receivers hang": {"weight 0 comes later by s, one and three of them": {1: "5.1, 15.0"}},
}
"""By scenario, figure and N; as shipped."""
UNTHROTTLED: Final[dict[str, dict[str, dict[int, str]]]] = {
    "idle": {
        "CPU ms per tick": {200: "1.6-1.8", 500: "1.9-2.0"},
        "CPU % of a core": {200: "3.3", 500: "9.8"},
        "control plane CPU %": {200: "11.5", 500: "29"},
        "RSS MiB": {200: "71", 500: "92-105"},
    },
    "release": {
        "requests each": {200: "172"},
        "requests per advancing tick": {200: "18.8"},
        "push to first weight s": {200: "19.7"},
        "CPU ms per tick": {200: "3.6"},
        "CPU ms each": {200: "32"},
        "gap between weights s": {200: "9.95/-/10.86"},
        "late s": {200: "-0.05/-/0.86"},
        "release s": {200: "89.5/-/89.8"},
        "RSS MiB": {200: "81"},
        "HWM MiB": {200: "86"},
    },
    "restart, idle": {"start to all decided s": {200: "11.3"}, "CPU s until then": {200: "0.50"}},
}
"""The same with -kubeconfig-qps=5000 -kubeconfig-burst=5000."""
ADVANCING: Final = {
    "get deployments": 6.67,
    "get services": 3.0,
    "get virtualservices": 3.0,
    "get destinationrules": 2.0,
    "get canaries": 1.0,
    "update virtualservices": 1.0,
    "update canaries/status": 1.0,
    "create events": 1.17,
}
"""Requests of a tick in which the weight changes, the same with any N: 18.8 in all."""
BOTH: Final = {"Flagger": FIGURES, "Flagger, unthrottled": UNTHROTTLED}
NOTE: Final = (
    "Flagger 1.44.0 was measured on another day, with pods that are ready at once. The releases "
    "are the same, the queries are not: it asks two a check and Canary, canaryd groups them. What "
    "turned bad was measured with 20 Canaries where it says so; hanging receivers with one. Its "
    "ticks are 9 a release, canaryd's 6: compare what a release costs."
)
