"""Who paid whom: the ledger, payments of a day, checks that it balances."""
