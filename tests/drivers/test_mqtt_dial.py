"""What a broker says of its limits, and what it may not make of ours."""

from hypothesis import given
from hypothesis import strategies as st

from drivers.mqtt.dial import IN_FLIGHT, LARGEST_POSSIBLE, limits_of


@given(
    st.dictionaries(
        st.sampled_from(["ReceiveMaximum", "MaximumPacketSize", "AssignedClientIdentifier"]),
        st.integers(0, 2**32) | st.text(max_size=5) | st.none(),
    )
)
def test_limits_are_limits_whatever_a_broker_says(properties: dict[str, object]) -> None:
    limits = limits_of(properties)
    assert 1 <= limits.in_flight <= IN_FLIGHT
    assert isinstance(limits.largest_packet, int)


def test_limits_that_are_not_named() -> None:
    assert (limits_of({}).in_flight, limits_of({}).largest_packet) == (IN_FLIGHT, LARGEST_POSSIBLE)
