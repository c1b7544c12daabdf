"""What the kernels share: compiling, counting and finding bits, asking memory ahead; needs numba.

Imported only where a fast twin is asked for: numba costs a quarter of a second and 60 MB.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.extending import intrinsic
from numba.np import arrayobj

__all__ = ["compiled", "fetch", "inlined", "lowest", "ones"]

_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(function: _Function) -> _Function:
    """Compile at first use and keep the machine code beside this file, or nowhere if nothing can be written."""
    compiler: Any = njit
    try:
        made: _Function = compiler(function, nogil=True, cache=True)
    except RuntimeError:  # numba: "cannot cache function: no locator available"
        made = compiler(function, nogil=True)
    return made


def inlined(function: _Function) -> _Function:
    """Make it a part of each compiled function that calls it: handing over arrays costs time."""
    compiler: Any = njit
    made: _Function = compiler(function, nogil=True, forceinline=True)
    return made


def _fetch_code(typing: Any, values: Any, place: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        make: Any = arrayobj.make_array
        array = make(signature.args[0])(context, builder, arguments[0])
        pointer = builder.bitcast(builder.gep(array.data, [arguments[1]]), byte)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        builder.call(prefetch, [pointer, number(0), number(3), number(1)])  # to read; keep; data
        return context.get_dummy_value()

    return types.void(values, types.intp), generate


def _ones_code(typing: Any, word: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.int64), generate


def _lowest_code(typing: Any, word: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.IntType(1)(0))

    return types.int64(types.int64), generate


fetch: Any = intrinsic(_fetch_code)
"""`fetch(values, place)`: tell the processor that this is needed soon; harmless for any place."""
ones: Any = intrinsic(_ones_code)
"""`ones(word)`: how many bits of an int64 are set."""
lowest: Any = intrinsic(_lowest_code)
"""`lowest(word)`: the number of the lowest set bit of an int64, 64 if there is none."""
