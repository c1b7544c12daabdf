# pragma version ==0.4.3
# Passes ether on in every way that a trace can show.


@deploy
@payable
def __init__():
    pass


@external
@payable
def __default__():
    pass


@external
@payable
def split(one: address, other: address):
    send(one, msg.value // 2)
    send(other, msg.value // 4)


@external
@payable
def pay_and_fail(to: address):
    send(to, msg.value)
    raise "not today"


@external
@payable
def attempt(helper: address, to: address) -> bool:
    # the call and the payment inside it are both undone, this transaction succeeds
    return raw_call(
        helper,
        abi_encode(to, method_id=method_id("pay_and_fail(address)")),
        value=msg.value,
        revert_on_failure=False,
    )


@external
@payable
def borrow(code: address, one: address, other: address):
    # a delegate call states its parent's value and moves nothing itself
    raw_call(
        code,
        abi_encode(one, other, method_id=method_id("split(address,address)")),
        is_delegate_call=True,
    )


@external
@payable
def clone(model: address) -> address:
    return create_minimal_proxy_to(model, value=msg.value)


@external
def end(to: address):
    selfdestruct(to)
