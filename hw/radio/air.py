"""Virtual air between virtual radios, on bumble."""

import asyncio

from bumble.controller import Controller
from bumble.core import PhysicalTransport
from bumble.device import Connection, Device
from bumble.hci import Address
from bumble.host import Host
from bumble.link import LocalLink
from bumble.transport.common import AsyncPipeSink

CONNECT_TRIES = 5


class Air(LocalLink):
    """A link that keeps to the addresses that a connection was made with.

    bumble's own takes the sender's present random address for the source, so that data of a connection made
    with another one is dropped.

    Attributes:
        octets: of ACL data that were sent, by all.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # bumble leaves it so
        self.octets = 0

    def send_acl_data(
        self,
        sender_controller: Controller,
        destination_address: Address,
        transport: PhysicalTransport,
        data: bytes,
    ) -> None:
        """Carry data to the other end of a connection."""
        self.octets += len(data)
        connection = sender_controller.le_connections.get(destination_address)
        receiver = self.find_le_controller(destination_address)
        if transport is not PhysicalTransport.LE or connection is None or receiver is None:
            super().send_acl_data(sender_controller, destination_address, transport, data)
            return
        asyncio.get_running_loop().call_soon(
            receiver.on_link_acl_data, connection.self_address, transport, data
        )

    async def radio(self, name: str, address: str) -> Device:
        """A radio that is switched on, on this air."""
        controller = Controller(name, link=self)
        device = Device(name=name, address=Address(address), host=Host(controller, AsyncPipeSink(controller)))
        await device.power_on()
        return device


async def connect(central: Device, peer: Address, peripheral: Device, seconds: float) -> Connection:
    """Connect, and be sure that the other side knows of it.

    When two centrals answer one advertisement, bumble's link gives it to the first and lets the second
    believe that it has a connection too; a real one would try again.

    Raises:
        TimeoutError: the peer does not advertise.
    """
    for _ in range(CONNECT_TRIES):
        connection = await asyncio.wait_for(central.connect(peer), seconds)
        for _ in range(10):
            await asyncio.sleep(0)
        if any(one.peer_address == connection.self_address for one in peripheral.connections.values()):
            return connection
        await connection.disconnect()
    raise TimeoutError
