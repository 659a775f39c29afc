"""A sensor is set up once and verified (rule 6), and bound to its name."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import binding
from drivers.errors import (
    CommandRefusedError,
    PasswordFileError,
    ProvisioningError,
    SensorLockedError,
    SensorUrlError,
    SilentSensorError,
    WrongModuleError,
)
from drivers.opening import open_sensor
from drivers.passwords import read_password
from drivers.provisioning import Plan, Provisioned
from drivers.timing import Deadlines
from tests.drivers.fake import FakeModule, ack, answers, product, r307, silent, unpacked

BRISK = Deadlines(capture=0.3, answer=0.3, idle=0.4, quiet=0.02)
WRITES = {0x0E, 0x12, 0x18}


def provision(fake: FakeModule, plan: Plan, options: str = "") -> Provisioned:
    with open_sensor(f"serial:{fake.path}{options}", deadlines=BRISK) as sensor:
        return sensor.provision(plan, lambda text: None)


def test_rate_and_packet_size_are_written_once_and_read_back() -> None:
    with FakeModule(baud=57600) as fake:
        done = provision(fake, Plan())
        assert done == Provisioned(("packet size", "rate"), power_cycle=False)
        assert (fake.baud, fake.packet_code) == (115200, 3)
        fake.seen.clear()
        assert provision(fake, Plan()) == Provisioned((), power_cycle=False)
        assert not WRITES & set(fake.seen), "flash wears out"


def test_a_start_writes_nothing() -> None:
    with FakeModule() as fake, open_sensor(f"serial:{fake.path}") as sensor:
        sensor.capture().wipe()
        assert not WRITES & set(fake.seen)


def test_a_rate_that_counts_at_once() -> None:
    with FakeModule(baud=57600, rate_counts_at_once=True) as fake:
        assert not provision(fake, Plan()).power_cycle
        assert 0x3D not in fake.seen


def test_a_module_without_reset_must_be_without_power_for_a_moment() -> None:
    with r307(baud=57600) as fake:
        assert provision(fake, Plan()).power_cycle
        fake.baud = fake.next_baud
        assert provision(fake, Plan()) == Provisioned((), power_cycle=False)


def test_a_module_that_is_lost_between_two_rates_is_told() -> None:
    def lose(me: FakeModule, _arguments: bytes) -> None:
        me.send(ack(0))
        me.handlers.clear()

    with (
        FakeModule(baud=57600, handlers={0x0E: lose}) as fake,
        pytest.raises(SilentSensorError, match="neither"),
    ):
        provision(fake, Plan(packet_size=128))


def test_a_packet_size_that_is_not_kept_is_an_error() -> None:
    with FakeModule(handlers={0x0E: answers(ack(0))}) as fake, pytest.raises(ProvisioningError, match="256"):
        provision(fake, Plan())


def test_a_setting_that_is_refused_is_an_error() -> None:
    with FakeModule(handlers={0x0E: answers(ack(0x1B))}) as fake, pytest.raises(CommandRefusedError):
        provision(fake, Plan())


def test_a_lost_answer_to_a_write_is_made_good_by_reading_back() -> None:
    def deaf(me: FakeModule, arguments: bytes) -> None:
        me.packet_code = arguments[1]

    with FakeModule().then(0x0E, deaf) as fake:
        assert provision(fake, Plan(baud=57600)).written == ("packet size",)


def test_a_sensor_is_named_and_its_name_is_asked_for() -> None:
    with FakeModule(baud=115200, packet_code=3) as fake:
        assert provision(fake, Plan(tag="DOOR-2")).written == ("tag",)
        assert fake.notepad[15] == b"ridgekey\0DOOR-2".ljust(32, b"\0")
        assert provision(fake, Plan(tag="DOOR-2")).written == ()
        with open_sensor(f"serial:{fake.path}?module=DOOR-2") as sensor:
            assert sensor.tag() == "DOOR-2"
        with pytest.raises(WrongModuleError, match="00042 and DOOR-2, not DOOR-1"):
            open_sensor(f"serial:{fake.path}?module=DOOR-1")


@pytest.mark.parametrize("page", [b"ridgekey\0OTHER".ljust(32, b"\0"), b"someone else's".ljust(32, b"\0")])
def test_a_notepad_that_is_taken_is_written_over_only_if_told(page: bytes) -> None:
    with FakeModule(baud=115200, packet_code=3) as fake:
        fake.notepad[15] = page
        with pytest.raises(ProvisioningError, match="write over it"):
            provision(fake, Plan(tag="DOOR-2"))
        assert fake.notepad[15] == page
        assert provision(fake, Plan(tag="DOOR-2", replace_tag=True)).written == ("tag",)


def test_a_tag_that_is_not_kept_is_an_error() -> None:
    fake = FakeModule(baud=115200, packet_code=3, handlers={0x18: answers(ack(0))})
    with fake, pytest.raises(ProvisioningError, match="does not keep"):
        provision(fake, Plan(tag="DOOR-2"))


@pytest.mark.parametrize("tag", ["", "ä", "a b", "x" * 24, "--", "a\n"])
def test_what_is_no_tag(tag: str) -> None:
    with FakeModule(baud=115200, packet_code=3) as fake, pytest.raises(ProvisioningError, match="no tag"):
        provision(fake, Plan(tag=tag))


@given(st.binary(min_size=32, max_size=32))
def test_any_page_is_a_tag_that_can_be_written_or_none(page: bytes) -> None:
    tag = binding.decode_tag(page)
    assert tag is None or binding.encode_tag(tag) == page


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,22}", fullmatch=True))
def test_a_tag_survives_the_notepad(tag: str) -> None:
    assert binding.decode_tag(binding.encode_tag(tag)) == tag


# Bound to one module


@pytest.mark.parametrize("name", ["00042", "FRONT"])
def test_a_module_is_known_by_its_serial_number_or_by_its_tag(name: str) -> None:
    with FakeModule() as fake:
        fake.notepad[15] = binding.encode_tag("FRONT")
        with open_sensor(f"serial:{fake.path}?module={name}") as sensor, sensor.capture() as image:
            assert bytes(image.pixels) == unpacked(fake.image)


@pytest.mark.parametrize(
    "make",
    [FakeModule, r307, lambda: r307(handlers={0x19: answers(ack(1))})],
    ids=["R503", "R307", "no notepad"],
)
def test_another_module_is_refused(make: Callable[[], FakeModule]) -> None:
    with make() as fake, pytest.raises(WrongModuleError, match="not FRONT"):
        open_sensor(f"serial:{fake.path}?module=FRONT")


def test_a_module_that_is_exchanged_while_it_is_open_is_refused() -> None:
    with FakeModule() as fake, open_sensor(f"serial:{fake.path}?module=00042") as sensor:
        sensor.capture().wipe()
        fake.handlers[0x3C] = answers(ack(0, product().replace(b"00042", b"00043")))
        fake.reboot()
        with pytest.raises(WrongModuleError, match="00043"):
            sensor.capture()


# Password


def test_a_password_is_written_and_from_then_on_needed(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("01020304\n")
    with FakeModule(baud=115200, packet_code=3) as fake:
        plan = Plan(password=read_password(str(file)))
        assert provision(fake, plan).written == ("password",)
        assert fake.password == bytes([1, 2, 3, 4])
        with pytest.raises(SensorLockedError, match="password=FILE"):
            open_sensor(f"serial:{fake.path}")
        with open_sensor(f"serial:{fake.path}?password={file}") as sensor:
            sensor.capture().wipe()
        assert provision(fake, plan, f"?password={file}").written == ()


@pytest.mark.parametrize("content", ["", "0102030", "010203", "0102030405", "password", "٠١٠٢٠٣٠٤"])
def test_what_is_no_password(content: str, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(content)
    with pytest.raises(PasswordFileError, match="eight hexadecimal digits"):
        read_password(str(tmp_path / "password"))


def test_no_password_file(tmp_path: Path) -> None:
    with pytest.raises(PasswordFileError, match="No such file"):
        read_password(str(tmp_path / "none"))


@pytest.mark.parametrize("option", ["module=", "password=", "module"])
def test_an_option_without_a_value(option: str) -> None:
    with pytest.raises(SensorUrlError):
        open_sensor(f"serial:/dev/x?{option}")


def test_a_silent_notepad_is_an_error_of_the_line_not_another_module() -> None:
    fake = FakeModule(handlers={0x19: silent})
    with fake, pytest.raises(Exception, match="did not answer"):
        open_sensor(f"serial:{fake.path}?baud=57600&module=FRONT", deadlines=BRISK)
