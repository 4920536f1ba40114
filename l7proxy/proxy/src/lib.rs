//! Accepts steered connections, relays their bytes unchanged and reads along.
