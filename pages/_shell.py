"""The entry script: Streamlit runs it on every visit, and it runs the page that the address names."""

from lib.ui import shell

shell.render()
