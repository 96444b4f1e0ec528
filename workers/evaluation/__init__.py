"""One evaluation: speak, judge, sign, store."""
