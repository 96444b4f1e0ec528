"""Strategies of miners, one a file: an honest one, and tricks that earn no more than it if the rules hold.

WHERE names the settings in which the study plays a trick: those in which it has something to win.
"""
