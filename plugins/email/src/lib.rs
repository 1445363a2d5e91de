//! Tells people by e-mail what failed, what works again and what was missed.
