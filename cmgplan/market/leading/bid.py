"""x"""
Bid=None
