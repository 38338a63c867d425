//! What goes on by itself: one file per worker.
