"""graphsvc: a shared case graph whose every read leaves a trail that each party can verify."""

__version__ = "0.1.0"
