;; A page of memory that tests of host functions put their operands in.
(module (memory (export "memory") 1 1) (func (export "nothing")))
