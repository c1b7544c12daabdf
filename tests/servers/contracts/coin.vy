# pragma version ==0.4.3
# A token as small as one can be: the tests count what it says in its logs.

event Transfer:
    sender: indexed(address)
    receiver: indexed(address)
    value: uint256

balanceOf: public(HashMap[address, uint256])


@deploy
def __init__(supply: uint256):
    self.balanceOf[msg.sender] = supply
    log Transfer(sender=empty(address), receiver=msg.sender, value=supply)


@external
def transfer(to: address, amount: uint256) -> bool:
    self.balanceOf[msg.sender] -= amount
    self.balanceOf[to] += amount
    log Transfer(sender=msg.sender, receiver=to, value=amount)
    return True


@external
def burn(amount: uint256):
    self.balanceOf[msg.sender] -= amount
    log Transfer(sender=msg.sender, receiver=empty(address), value=amount)
