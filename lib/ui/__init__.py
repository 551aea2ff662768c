"""The part of lib that draws with Streamlit. Imports lib; nothing in lib imports it."""
