"""Seven days in a second: a recovery is completed by the gateway, on a ledger whose clock can be set."""

from pathlib import Path

from contracts.eip712 import Domain
from contracts.registry import RECOVERY_DELAY
from gateway.ledger.client import LedgerClient
from gateway.ledger.registry import Registry
from hw.engines.engine import Engine
from tests.gateway.actors import Person
from tests.gateway.bench import CHAIN_ID, ENVIRONMENT, Bench, Ground
from tests.gateway.engines.life import Life
from tests.gateway.recovering import Watch


def test_a_recovery_that_nobody_contests_is_completed(
    anvil_engine: Engine, life: Life, tmp_path: Path
) -> None:
    with LedgerClient(anvil_engine.url) as client:
        contract = Registry.deploy(client, life.relayer, ENVIRONMENT).contract
        ground = Ground(anvil_engine.url, life.relayer, Domain(CHAIN_ID, contract, ENVIRONMENT))
        bench = Bench(ground, tmp_path)
        watch = Watch(bench)
        person, guardian, heir = Person(), Person(), Person()
        watch.begun(person, guardian, heir)
        watch.look()
        client.request("evm_increaseTime", hex(RECOVERY_DELAY))
        client.request("evm_mine")
        watch.look()
        bench.crash()  # before it was signed; then once more after it was
        watch.build()
        watch.look()
        bench.relay.signing.turn()
        watch.look()
        bench.relay.advance()
        ((kiosk, notice),) = watch.look()
        assert bench.registry.key_of(person.address) == heir.address
        assert (kiosk, notice.key, notice.recovery) == (bench.kiosk.id, heir.address, None)
        assert bench.counts["transactions"] == 3 + 1, "three acts, and one completion in spite of the crash"
        assert watch.look() == []
        bench.journal.close()
