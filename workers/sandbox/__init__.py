"""An untrusted process: start it, confine it, talk with it, end it."""
