"""The synthetic CT phantom."""
