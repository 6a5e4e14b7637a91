"""With keys, what crosses Temporal can be read by nobody who has none of them."""

from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from tests.workflows.village import APP, KEY, village
from workflows.payloads import EncryptionCodec, WrongKeyError, data_converter, key_id
from workflows.worker import WORKFLOWS, sandbox

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
payloads = st.builds(
    Payload,
    metadata=st.dictionaries(st.text(max_size=8), st.binary(max_size=8), max_size=3),
    data=st.binary(max_size=200),
)


@given(st.lists(payloads, max_size=4))
async def test_what_is_encrypted_comes_back_as_it_was(sent: list[Payload]) -> None:
    codec = EncryptionCodec([NEW])

    assert await codec.decode(await codec.encode(sent)) == sent


async def test_what_an_older_key_wrote_is_read_and_the_first_key_writes() -> None:
    (written,) = await EncryptionCodec([OLD]).encode([Payload(data=b"a sign-off")])
    rotated = EncryptionCodec([NEW, OLD])

    (read,) = await rotated.decode([written])
    (again,) = await rotated.encode([read])

    assert read.data == b"a sign-off"
    assert again.metadata["lockstep-key"] == key_id(NEW).encode()


async def test_what_was_never_encrypted_is_read_as_it_is() -> None:
    plain = Payload(metadata={"encoding": b"json/plain"}, data=b"1")

    assert await EncryptionCodec([NEW]).decode([plain]) == [plain]


async def test_a_key_that_is_missing_is_named_and_its_value_is_not() -> None:
    (written,) = await EncryptionCodec([OLD]).encode([Payload(data=b"a sign-off")])

    with pytest.raises(WrongKeyError, match=key_id(OLD)) as refused:
        await EncryptionCodec([NEW]).decode([written])

    assert OLD not in str(refused.value)


async def test_a_payload_that_was_changed_is_refused() -> None:
    (written,) = await EncryptionCodec([OLD]).encode([Payload(data=b"a sign-off")])
    written.data = written.data[:-1] + bytes([written.data[-1] ^ 1])

    with pytest.raises(WrongKeyError, match="changed or cut"):
        await EncryptionCodec([OLD]).decode([written])


async def test_a_promotion_runs_encrypted_and_its_history_replays_after_a_rotation(
    tmp_path: Path,
) -> None:
    async with village(tmp_path, keys=[OLD]) as here:
        source = await here.push("development", {"app.yaml": APP.replace("v1", "v2")})
        pull = await here.open_into("staging")
        await here.say(pull.number, "ada", "/hold the fair is on")
        await here.body_says(pull.number, "held by ada: the fair is on")
        await here.say(pull.number, "ada", "/resume")
        await here.check(pull)
        await here.become(pull.number, "merged")
        await here.ended("staging", source)
        histories = [await here.history("staging", source)]
        histories.append(await here.client.get_workflow_handle(KEY.pipeline_id).fetch_history())

    for history in histories:
        raw = b"".join(event.SerializeToString() for event in history.events)
        # Long enough not to stand in a cipher by chance.
        for said in (b"the fair is on", b"held by ada", source.encode()):
            assert said not in raw
        await Replayer(
            workflows=WORKFLOWS,
            data_converter=data_converter([NEW, OLD]),
            workflow_runner=sandbox(),
        ).replay_workflow(WorkflowHistory.from_json(history.workflow_id, history.to_json()))
