"""The project's own figures. `python -m bench NAME …` prints one as a table; `python -m bench` lists them."""
