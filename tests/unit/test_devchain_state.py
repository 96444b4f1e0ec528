"""The fold: what each event and each epoch changes, and nothing else."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from neurons.devchain.calls import Rejected, register, stake, unstake
from neurons.devchain.events import (
    Committed,
    Failed,
    Funded,
    Origin,
    Owned,
    Registered,
    Revealed,
    Ruled,
    Sealed,
    Staked,
    Weighted,
)
from neurons.devchain.genesis import RAO, Genesis
from neurons.devchain.state import ChainState, CommitmentState, CommittedSpace, SealedState, advance, apply, at_genesis
from neurons.devchain.subnet import NeuronState, Rules
from scoring.types import Hotkey

OWNER, VALIDATOR, MINER = Hotkey("owner"), Hotkey("validator"), Hotkey("miner")
ORIGIN = Origin("miner", 0, "00")


def a_state(rules: Rules | None = None, **overrides: Any) -> ChainState:
    """Block 10 with the owner, a staked validator and a miner; an epoch each 6 blocks, the last of which has just ended."""
    neurons = (
        NeuronState(uid=0, hotkey=OWNER, coldkey="cold", registered_at=0, last_update=0),
        NeuronState(uid=1, hotkey=VALIDATOR, coldkey="cold", registered_at=1, last_update=1, permit=True),
        NeuronState(uid=2, hotkey=MINER, coldkey="cold", registered_at=2, last_update=2),
    )
    fresh = ChainState(
        block=10, neurons=neurons, owner_hotkey=OWNER, rules=rules or Rules(tempo=6), last_epoch=10, last_step=10, epoch_index=1
    )
    known = replace(fresh, balances={"cold": 100}, stakes={VALIDATOR: {"cold": 5 * RAO}})
    return replace(known, **overrides)


def test_begins_with_the_owner() -> None:
    """Block 0 holds the owner's neuron at uid 0, the rules, and nothing else."""
    genesis = Genesis(
        netuid=7, block_seconds=1.0, started=0.0, seed="00", owner_hotkey=OWNER, owner_coldkey="cold", rules=Rules(tempo=3)
    )
    assert at_genesis(genesis) == ChainState(
        block=0,
        neurons=(NeuronState(uid=0, hotkey=OWNER, coldkey="cold", registered_at=0, last_update=0),),
        owner_hotkey=OWNER,
        rules=Rules(tempo=3),
    )


def test_the_faucet_gives() -> None:
    """Money is added to the coldkey's balance."""
    assert apply(a_state(), Funded("cold", 7)) == a_state(balances={"cold": 107})


def test_registration_takes_a_slot_and_money() -> None:
    """A new neuron comes at the end; stake and cost leave the balance."""
    after = apply(a_state(), Registered(uid=3, hotkey=Hotkey("new"), coldkey="cold", stake=60, cost=10))
    newcomer = NeuronState(uid=3, hotkey=Hotkey("new"), coldkey="cold", registered_at=10, last_update=10)
    stakes = {VALIDATOR: {"cold": 5 * RAO}, Hotkey("new"): {"cold": 60}}
    assert after == a_state(neurons=(*a_state().neurons, newcomer), balances={"cold": 30}, stakes=stakes)


def test_registration_may_replace() -> None:
    """A slot that is taken over forgets who had it; what lies on the old hotkey stays there."""
    after = apply(a_state(), Registered(uid=1, hotkey=Hotkey("new"), coldkey="cold", stake=0, cost=0))
    assert after.neurons[1] == NeuronState(uid=1, hotkey=Hotkey("new"), coldkey="cold", registered_at=10, last_update=10)
    assert after.neuron(VALIDATOR) is None
    assert (after.stake(VALIDATOR), after.stake(Hotkey("new"))) == (5 * RAO, 0)


def test_a_commitment_takes_space_and_a_nonce() -> None:
    """A short commitment counts as 100 bytes of this epoch's space."""
    after = apply(a_state(), Committed(MINER, "ab", ORIGIN))
    expected = a_state(commitments={MINER: CommitmentState(10, "ab")}, space={MINER: CommittedSpace(1, 100)}, nonces={"miner": 1})
    assert after == expected
    assert (after.used_space(MINER), replace(after, epoch_index=2).used_space(MINER)) == (100, 0)


def test_weights_are_kept_with_their_block() -> None:
    """Weights replace the row and date it."""
    after = apply(a_state(), Weighted(1, (0, 2), (1, 65_535), Origin("validator", 4, "00")))
    row = replace(a_state().neurons[1], weights=((0, 1), (2, 65_535)), weighed_at=10, last_update=10)
    assert after == a_state(neurons=(a_state().neurons[0], row, a_state().neurons[2]), nonces={"validator": 5})


def test_a_failure_takes_only_the_nonce() -> None:
    """A failed transaction cannot be sent again, and changes nothing else."""
    assert apply(a_state(), Failed("x", "y", ORIGIN)) == a_state(nonces={"miner": 1})


def paid(state: ChainState, **rules: int) -> ChainState:
    """The state after the next epoch, which ends at block 16."""
    return advance(replace(state, rules=Rules(**{"tempo": 6, **rules})), 16)  # type: ignore[arg-type]


def weighing(*pairs: tuple[int, int], weighed_at: int = 10) -> ChainState:
    """The validator's row."""
    validator = replace(a_state().neurons[1], weights=pairs, weighed_at=weighed_at, last_update=10)
    return a_state(neurons=(a_state().neurons[0], validator, a_state().neurons[2]))


def test_time_alone_changes_only_the_block() -> None:
    """Between two epochs nothing happens by itself."""
    assert advance(a_state(), 15) == a_state(block=15)


def test_an_epoch_pays_by_weights() -> None:
    """One validator decides alone: a quarter to the owner, the rest to the miner, all dividends to itself."""
    after = paid(weighing((0, 21_845), (2, 65_535)))
    assert [neuron.incentive for neuron in after.neurons] == [16_383, 0, 49_151]
    assert [neuron.dividends for neuron in after.neurons] == [0, 65_535, 0]
    assert [neuron.emission for neuron in after.neurons] == [1_695_000_000, 2_460_000_000, 1_845_000_000]
    assert (after.block, after.last_epoch, after.last_step, after.epoch_index) == (16, 16, 16, 2)


@pytest.mark.parametrize(
    ("state", "rules"),
    [
        pytest.param(a_state(), {}, id="no weights"),
        pytest.param(weighing((1, 65_535)), {}, id="only for itself"),
        pytest.param(weighing((2, 65_535), weighed_at=2), {}, id="set before the miner came"),
        pytest.param(weighing((2, 65_535)), {"activity_cutoff": 5}, id="older than the cutoff: 16 - 10 > 5"),
        pytest.param(
            a_state(
                neurons=tuple(
                    replace(n, permit=False, weights=((2, 1),), weighed_at=10, last_update=10) for n in a_state().neurons
                )
            ),
            {},
            id="no permit",
        ),
    ],
)
def test_weights_that_do_not_count_pay_nobody(state: ChainState, rules: dict[str, int]) -> None:
    """Weights for oneself, for who came later, without a permit or too old are as if they were not there."""
    assert [neuron.incentive for neuron in paid(state, **rules).neurons] == [0, 0, 0]


def test_permits_go_to_the_most_stake() -> None:
    """With one permit to give the largest stake has it; who has no stake never does."""
    richer = a_state(stakes={VALIDATOR: {"cold": 5 * RAO}, MINER: {"a": 4 * RAO, "b": 5 * RAO}})
    after = paid(richer, max_validators=1)
    assert [neuron.permit for neuron in after.neurons] == [False, False, True]
    assert [neuron.permit for neuron in paid(a_state()).neurons] == [False, True, False]


def full(**rules: int) -> ChainState:
    """A full subnet: the owner, the miner who earns nothing, one who earns 5, one who came just now, and the validator with 9."""
    neurons = (
        *(replace(neuron, emission=9) if neuron.uid == 1 else neuron for neuron in a_state().neurons),
        NeuronState(uid=3, hotkey=Hotkey("rich"), coldkey="cold", registered_at=1, last_update=1, emission=5),
        NeuronState(uid=4, hotkey=Hotkey("new"), coldkey="c", registered_at=9, last_update=9),
    )
    return a_state(Rules(**{"max_uids": 5, "immunity_period": 5, **rules}), neurons=neurons)  # type: ignore[arg-type]


def test_a_full_subnet_replaces_who_earns_least() -> None:
    """The owner and the immune stay; of the others the one with the least emission goes, the longest there first."""
    assert register(Hotkey("next"), "cold", 0, full()).uid == 2
    level = replace(full(), neurons=tuple(replace(neuron, emission=9) for neuron in full().neurons))
    assert register(Hotkey("next"), "cold", 0, level).uid == 1
    with pytest.raises(Rejected, match="NoNeuronIdAvailable"):
        register(Hotkey("next"), "cold", 0, full(immunity_period=50))


@pytest.mark.parametrize(
    ("hotkey", "amount", "rules", "name"),
    [
        pytest.param(MINER, 0, {}, "HotKeyAlreadyRegisteredInSubNet", id="twice"),
        pytest.param(Hotkey("new"), 91, {}, "NotEnoughBalanceToStake", id="91 + 10 > 100"),
        pytest.param(Hotkey("new"), 0, {"registration_allowed": False}, "SubNetRegistrationDisabled", id="closed"),
        pytest.param(Hotkey("new"), 0, {"max_regs_per_block": 0}, "TooManyRegistrationsThisBlock", id="enough for this block"),
    ],
)
def test_registration_is_refused_by_name(hotkey: Hotkey, amount: int, rules: dict[str, int], name: str) -> None:
    """A hotkey registers once, with the money for it, while the subnet is open and its block has room."""
    with pytest.raises(Rejected, match=name):
        register(hotkey, "cold", amount, a_state(Rules(**{"registration_cost": 10, **rules})))  # type: ignore[arg-type]


def test_stake_moves_between_balance_and_hotkey() -> None:
    """What is staked leaves the balance, what is taken back returns to it; somebody else's stake stays."""
    staked = apply(a_state(), Staked(MINER, "cold", 60))
    assert (staked.balances, staked.stake(MINER)) == ({"cold": 40}, 60)
    both = apply(replace(staked, balances={"cold": 40, "other": 7}), Staked(MINER, "other", 7))
    back = apply(both, Staked(MINER, "cold", -60))
    assert (back.balances, back.stakes[MINER]) == ({"cold": 100, "other": 0}, {"cold": 0, "other": 7})


@pytest.mark.parametrize(
    ("act", "hotkey", "amount", "name"),
    [
        pytest.param(stake, Hotkey("nobody"), RAO, "HotKeyAccountNotExists", id="on a hotkey that never came"),
        pytest.param(stake, MINER, 1, "AmountTooLow", id="dust"),
        pytest.param(stake, MINER, 9 * RAO, "NotEnoughBalanceToStake", id="more than the balance"),
        pytest.param(unstake, MINER, RAO, "NotEnoughStakeToWithdraw", id="nothing there"),
        pytest.param(unstake, VALIDATOR, 1, "AmountTooLow", id="dust taken"),
        pytest.param(unstake, VALIDATOR, 5 * RAO - 1, "AmountTooLow", id="dust left"),
    ],
)
def test_stake_is_refused_by_name(act: Callable[..., Staked], hotkey: Hotkey, amount: int, name: str) -> None:
    """Only known hotkeys take stake, only what is there moves, and never dust."""
    with pytest.raises(Rejected, match=name):
        act(hotkey, "cold", amount, a_state(balances={"cold": 5 * RAO}))


def test_more_than_there_is_means_all() -> None:
    """Taking back more than was staked takes all of it."""
    assert unstake(VALIDATOR, "cold", 99 * RAO, a_state()) == Staked(VALIDATOR, "cold", -5 * RAO)


def test_a_new_tempo_starts_the_count_again() -> None:
    """With 4 blocks gone of 6 a tempo of 9 is set: the next epoch ends 9 blocks later, or once pay is a block overdue (10 + 9 + 1)."""
    state = apply(a_state(block=14), Ruled("tempo", 9))
    assert (state.rules.tempo, state.last_epoch, state.last_step) == (9, 14, 10)
    assert (advance(state, 19).epoch_index, advance(state, 20).epoch_index) == (1, 2)


def test_rules_change_from_their_block() -> None:
    """A rule holds from its event on; a switch is a switch again; the rest of the state stays."""
    after = apply(apply(a_state(), Ruled("immunity_period", 3)), Ruled("commit_reveal_weights_enabled", 1))
    assert after == a_state(Rules(tempo=6, immunity_period=3, commit_reveal_weights_enabled=True))


def test_the_owner_may_name_another_hotkey() -> None:
    """The owner's share then goes to that hotkey's slot."""
    after = paid(apply(a_state(), Owned(MINER)))
    assert [neuron.emission for neuron in after.neurons] == [0, 0, 1_080_000_000]


SEALED = Sealed(VALIDATOR, "ab", 77, Origin("validator", 0, "00"))


def test_sealed_weights_wait_and_update() -> None:
    """Sealing dates the validator, takes its nonce, and changes no weights."""
    after = apply(weighing((2, 65_535), weighed_at=9), SEALED)
    assert after.sealed == (SealedState(hotkey=VALIDATOR, block=10, epoch=1, commit="ab", reveal_round=77),)
    assert (after.neurons[1].weights, after.neurons[1].weighed_at, after.neurons[1].last_update) == (((2, 65_535),), 9, 10)
    assert after.nonces == {"validator": 1}


def test_sealed_weights_expire_with_their_epoch() -> None:
    """Sealed in epoch 1, to be opened in epoch 2, gone in epoch 3; a longer period keeps them longer."""
    sealed = apply(a_state(), SEALED)
    assert [len(advance(sealed, block).sealed) for block in (10, 16, 21, 22)] == [1, 1, 1, 0]
    longer = apply(a_state(Rules(tempo=6, commit_reveal_period=2)), SEALED)
    assert [len(advance(longer, block).sealed) for block in (22, 27, 28)] == [1, 1, 0]


def test_opened_weights_count_from_when_they_were_sealed() -> None:
    """Who registered after the weights were sealed is not paid by them, though they were opened later."""
    sealed = advance(apply(a_state(), SEALED), 17)
    came = apply(sealed, Registered(uid=2, hotkey=Hotkey("new"), coldkey="cold", stake=0, cost=0))
    opened = apply(came, Revealed(VALIDATOR, 10, (0, 2), (65_535, 65_535)))
    assert (opened.sealed, opened.neurons[1].weighed_at, opened.neurons[1].last_update) == ((), 10, 10)
    assert [neuron.incentive for neuron in advance(opened, 22).neurons] == [65_535, 0, 0]
