"""The fold: what each event and each epoch changes, and nothing else."""

from dataclasses import replace

import pytest

from neurons.devchain.calls import Rejected, register
from neurons.devchain.events import Committed, Failed, Funded, Origin, Registered, Weighted
from neurons.devchain.genesis import RAO, Genesis, Rules
from neurons.devchain.state import CommitmentState, NeuronState, Space, State, advance, apply, at_genesis
from scoring.types import Hotkey

OWNER, VALIDATOR, MINER = Hotkey("owner"), Hotkey("validator"), Hotkey("miner")
ORIGIN = Origin("miner", 0, "00")


def a_genesis(**rules: int) -> Genesis:
    """A subnet 7 with an epoch each 6 blocks (the first ends at block 4), by other rules where given."""
    return Genesis(7, 1.0, 0.0, "00", OWNER, "cold", Rules(**{"tempo": 5, **rules}))


def a_state(**overrides: object) -> State:
    """Block 10 with the owner, a staked validator and a miner."""
    neurons = (
        NeuronState(0, OWNER, "cold", 0, 0, 0),
        NeuronState(1, VALIDATOR, "cold", 5 * RAO, 1, 1, permit=True),
        NeuronState(2, MINER, "cold", 0, 2, 2),
    )
    fresh = State(10, neurons, last_epoch=10, balances={"cold": 100})
    return replace(fresh, **overrides)  # type: ignore[arg-type]


def test_begins_with_the_owner() -> None:
    """Block 0 holds the owner's neuron at uid 0 and nothing else."""
    assert at_genesis(a_genesis()) == State(0, (NeuronState(0, OWNER, "cold", 0, 0, 0),))


def test_the_faucet_gives() -> None:
    """Money is added to the coldkey's balance."""
    assert apply(a_state(), Funded("cold", 7)) == a_state(balances={"cold": 107})


def test_registration_takes_a_slot_and_money() -> None:
    """A new neuron comes at the end; stake and cost leave the balance."""
    after = apply(a_state(), Registered(3, Hotkey("new"), "cold", 60, 10))
    newcomer = NeuronState(3, Hotkey("new"), "cold", 60, 10, 10)
    assert after == a_state(neurons=(*a_state().neurons, newcomer), balances={"cold": 30})


def test_registration_may_replace() -> None:
    """A slot that is taken over forgets who had it."""
    after = apply(a_state(), Registered(2, Hotkey("new"), "cold", 0, 0))
    assert after.neurons[2] == NeuronState(2, Hotkey("new"), "cold", 0, 10, 10)
    assert after.neuron(MINER) is None


def test_a_commitment_takes_space_and_a_nonce() -> None:
    """A short commitment counts as 100 bytes of this epoch's space."""
    after = apply(a_state(), Committed(MINER, "ab", ORIGIN))
    expected = a_state(commitments={MINER: CommitmentState(10, "ab")}, space={MINER: Space(10, 100)}, nonces={"miner": 1})
    assert after == expected
    assert (after.used_space(MINER), replace(after, last_epoch=16).used_space(MINER)) == (100, 0)


def test_weights_are_kept_with_their_block() -> None:
    """Weights replace the row and date it."""
    after = apply(a_state(), Weighted(1, (0, 2), (1, 65_535), Origin("validator", 4, "00")))
    row = replace(a_state().neurons[1], weights=((0, 1), (2, 65_535)), last_update=10)
    assert after == a_state(neurons=(a_state().neurons[0], row, a_state().neurons[2]), nonces={"validator": 5})


def test_a_failure_takes_only_the_nonce() -> None:
    """A failed transaction cannot be sent again, and changes nothing else."""
    assert apply(a_state(), Failed("x", "y", ORIGIN)) == a_state(nonces={"miner": 1})


def paid(state: State, **rules: int) -> State:
    """The state after the next epoch, which ends at block 16."""
    return advance(state, 16, a_genesis(**rules))


def weighing(*pairs: tuple[int, int], last_update: int = 10) -> State:
    """The validator's row."""
    validator = replace(a_state().neurons[1], weights=pairs, last_update=last_update)
    return a_state(neurons=(a_state().neurons[0], validator, a_state().neurons[2]))


def test_time_alone_changes_only_the_block() -> None:
    """Between two epochs nothing happens by itself."""
    assert advance(a_state(), 15, a_genesis()) == a_state(block=15)


def test_an_epoch_pays_by_weights() -> None:
    """One validator decides alone: a quarter to the owner, the rest to the miner, all dividends to itself."""
    after = paid(weighing((0, 21_845), (2, 65_535)))
    assert [neuron.incentive for neuron in after.neurons] == [16_383, 0, 49_151]
    assert [neuron.dividends for neuron in after.neurons] == [0, 65_535, 0]
    assert [neuron.emission for neuron in after.neurons] == [1_695_000_000, 2_460_000_000, 1_845_000_000]
    assert (after.block, after.last_epoch) == (16, 16)


@pytest.mark.parametrize(
    ("state", "rules"),
    [
        pytest.param(a_state(), {}, id="no weights"),
        pytest.param(weighing((1, 65_535)), {}, id="only for itself"),
        pytest.param(weighing((2, 65_535), last_update=2), {}, id="set before the miner came"),
        pytest.param(weighing((2, 65_535)), {"activity_cutoff": 5}, id="older than the cutoff: 16 - 10 > 5"),
        pytest.param(
            a_state(neurons=tuple(replace(n, permit=False, weights=((2, 1),), last_update=10) for n in a_state().neurons)),
            {},
            id="no permit",
        ),
    ],
)
def test_weights_that_do_not_count_pay_nobody(state: State, rules: dict[str, int]) -> None:
    """Weights for oneself, for who came later, without a permit or too old are as if they were not there."""
    assert [neuron.incentive for neuron in paid(state, **rules).neurons] == [0, 0, 0]


def test_permits_go_to_the_most_stake() -> None:
    """With one permit to give the largest stake has it; who has no stake never does."""
    richer = replace(a_state().neurons[2], stake=9 * RAO)
    after = paid(a_state(neurons=(*a_state().neurons[:2], richer)), max_validators=1)
    assert [neuron.permit for neuron in after.neurons] == [False, False, True]
    assert [neuron.permit for neuron in paid(a_state()).neurons] == [False, True, False]


def test_a_full_subnet_replaces_who_earns_least() -> None:
    """The owner and the immune stay; of the others the one with the least emission goes."""
    neurons = (
        *a_state().neurons,
        NeuronState(3, Hotkey("rich"), "cold", 0, 1, 1, emission=5),
        NeuronState(4, Hotkey("new"), "c", 0, 9, 9),
    )
    full = a_state(neurons=tuple(replace(n, emission=9) if n.uid == 1 else n for n in neurons))
    genesis = a_genesis(max_uids=5, immunity_period=5)
    assert register(Hotkey("next"), "cold", 0, full, genesis).uid == 2
    with pytest.raises(Rejected, match="NoNeuronIdAvailable"):
        register(Hotkey("next"), "cold", 0, full, a_genesis(max_uids=5, immunity_period=50))


@pytest.mark.parametrize(
    ("hotkey", "stake", "name"),
    [
        pytest.param(MINER, 0, "HotKeyAlreadyRegisteredInSubNet", id="twice"),
        pytest.param(Hotkey("new"), 91, "NotEnoughBalanceToStake", id="91 + 10 > 100"),
    ],
)
def test_registration_is_refused_by_name(hotkey: Hotkey, stake: int, name: str) -> None:
    """A hotkey registers once, and only with the money for it."""
    with pytest.raises(Rejected, match=name):
        register(hotkey, "cold", stake, a_state(), a_genesis(registration_cost=10))
