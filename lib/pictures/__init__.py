"""Pictures to take along: the race as an animated SVG and GIF, the filmstrip as SVG and PNG.

Pure but for Pillow's drawing; the same rows give the same bytes. Charts are lib.charts' business, the
filmstrip's moments are lib.film's.
"""
