import pytest

from strongroom.base.errors import Unsupported
from strongroom.kernel.net import refuse_remote

REMOTE = {
    "s3://bucket/vm.vmdk": "unsupported.origin.s3",
    "https://host/disk.qcow2": "unsupported.origin.https",
    "qemu+ssh://host/pool/disk": "unsupported.origin.qemu+ssh",
    "nbd://host:10809": "unsupported.origin.nbd",
}


@pytest.mark.parametrize("origin", REMOTE)
def test_an_origin_on_the_network_is_refused_by_its_scheme(origin: str):
    with pytest.raises(Unsupported, match="cannot be opened") as caught:
        refuse_remote(origin)

    assert caught.value.code == REMOTE[origin]
    assert caught.value.hint


@pytest.mark.parametrize(
    "origin", ["disk.qcow2", "/srv/disk.qcow2", "odd:name", "://x", "a folder://x", "./s3/x", ""]
)
def test_a_path_on_this_machine_passes(origin: str):
    refuse_remote(origin)
