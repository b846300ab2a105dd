;; `run(what)`: 0 blocks on a pollable; 1 polls one for ever; 2 takes 50 pollables and 50 streams and
;; traps; 3 asks handle 1, the first it was given; 4 writes a byte without a permit; 5 drops a stream before its pollable;
;; 6 polls the same pollable at two places and gives the count.
(component
  (import "astrid:io/error@1.0.0" (instance $error (export "error" (type (sub resource)))))
  (import "astrid:io/poll@1.0.0" (instance $poll
    (export "pollable" (type $p (sub resource)))
    (type $code (variant (case "invalid-input") (case "closed") (case "too-large") (case "cancelled")
      (case "unknown" string)))
    (export "error-code" (type $ec (eq $code)))
    (export "[method]pollable.ready" (func (param "self" (borrow $p)) (result bool)))
    (export "[method]pollable.block" (func (param "self" (borrow $p)) (result (result (error $ec)))))
    (export "poll" (func (param "pollables" (list (borrow $p))) (result (result (list u32) (error $ec)))))))
  (alias export $error "error" (type $err))
  (alias export $poll "pollable" (type $pollable))
  (import "astrid:io/streams@1.0.0" (instance $streams
    (alias outer 1 $err (type $e'))
    (alias outer 1 $pollable (type $p'))
    (export "error" (type $e (eq $e')))
    (export "pollable" (type $p (eq $p')))
    (type $failure (variant (case "last-operation-failed" (own $e)) (case "closed")))
    (export "stream-error" (type $se (eq $failure)))
    (export "output-stream" (type $o (sub resource)))
    (export "[method]output-stream.write"
      (func (param "self" (borrow $o)) (param "contents" (list u8)) (result (result (error $se)))))
    (export "[method]output-stream.subscribe" (func (param "self" (borrow $o)) (result (own $p))))))
  (alias export $streams "output-stream" (type $output))
  (import "give-pollable" (func $give-pollable (result (own $pollable))))
  (import "give-output" (func $give-output (result (own $output))))

  (core module $libc
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 8192))
  (core instance $libc (instantiate $libc))
  (core func $ready (canon lower (func $poll "[method]pollable.ready")))
  (core func $block (canon lower (func $poll "[method]pollable.block")
    (memory $libc "memory") (realloc (func $libc "realloc"))))
  (core func $poll-all (canon lower (func $poll "poll")
    (memory $libc "memory") (realloc (func $libc "realloc"))))
  (core func $write (canon lower (func $streams "[method]output-stream.write")
    (memory $libc "memory") (realloc (func $libc "realloc"))))
  (core func $subscribe (canon lower (func $streams "[method]output-stream.subscribe")))
  (core func $give-p (canon lower (func $give-pollable)))
  (core func $give-o (canon lower (func $give-output)))
  (core func $drop-o (canon resource.drop $output))

  (core module $main
    (import "libc" "memory" (memory 1))
    (import "host" "ready" (func $ready (param i32) (result i32)))
    (import "host" "block" (func $block (param i32 i32)))
    (import "host" "poll" (func $poll (param i32 i32 i32)))
    (import "host" "write" (func $write (param i32 i32 i32 i32)))
    (import "host" "subscribe" (func $subscribe (param i32) (result i32)))
    (import "host" "give-p" (func $give-p (result i32)))
    (import "host" "give-o" (func $give-o (result i32)))
    (import "host" "drop-o" (func $drop-o (param i32)))
    (func (export "run") (param $what i32) (result i32)
      (local $h i32) (local $n i32)
      block $6 block $5 block $4 block $3 block $2 block $1 block $0
        local.get $what
        br_table $0 $1 $2 $3 $4 $5 $6
      end
        (call $block (call $give-p) (i32.const 64))
        (return (i32.load8_u (i32.const 64)))
      end
        (i32.store (i32.const 128) (call $give-p))
        loop $again
          (call $poll (i32.const 128) (i32.const 1) (i32.const 64))
          br $again
        end
        unreachable
      end
        loop $more
          (drop (call $give-p))
          (drop (call $give-o))
          (br_if $more (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 50)))
        end
        unreachable
      end
        (return (call $ready (i32.const 1)))
      end
        (call $write (call $give-o) (i32.const 0) (i32.const 1) (i32.const 64))
        (return (i32.load8_u (i32.const 64)))
      end
        (drop (call $subscribe (local.tee $h (call $give-o))))
        (call $drop-o (local.get $h))
        (return (i32.const 0))
      end
      (local.set $h (call $give-p))
      (i32.store (i32.const 128) (local.get $h))
      (i32.store (i32.const 132) (local.get $h))
      (call $poll (i32.const 128) (i32.const 2) (i32.const 64))
      (i32.load (i32.const 72))))
  (core instance $main (instantiate $main
    (with "libc" (instance $libc))
    (with "host" (instance
      (export "ready" (func $ready)) (export "block" (func $block)) (export "poll" (func $poll-all))
      (export "write" (func $write)) (export "subscribe" (func $subscribe))
      (export "give-p" (func $give-p)) (export "give-o" (func $give-o)) (export "drop-o" (func $drop-o))))))
  (func (export "run") (param "what" u32) (result u32) (canon lift (core func $main "run")))
)
