"""x"""
from_nlp=None
