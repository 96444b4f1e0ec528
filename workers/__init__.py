"""What RQ wakes: one evaluation at a time, from a claimed row to a signed receipt."""
