#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| flowfold_wire_fuzz::dns(data));
