"""The server: Streamlit with our routes, headers and lifespan. Run as a plain script it renders the shell."""
