"""Truncation error in what was learned: modified equations of the schemes, and regression of the closure on them."""
