"""A finished market solved again where that is cheap."""
