"""RQ workers: one evaluation at a time, from a claimed row to a signed receipt."""
