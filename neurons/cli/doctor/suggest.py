"""The roles that the settings of a host suggest."""

from pydantic import ValidationError

from neurons.chain import wallets
from neurons.cli.options import ChainOptions
from neurons.cli.roles import file_trouble
from neurons.doctor.role import Role
from neurons.settings import ApiClientSettings, ChainSettings, MigrationSettings
from scoring.errors import Code, PlatformError
from workers.settings import ReceiptSignerSettings


def suggested(options: ChainOptions) -> tuple[Role, ...]:
    """A worker has a service key, an API a database and a hotkey to answer as, a validator a database and a wallet, a miner a wallet.

    Raises PlatformError(ARGUMENT_INVALID) where nothing of that is there.
    """
    database, wallet = _has_database(), _has_wallet(options)
    roles = {
        Role.VALIDATOR: database and wallet,
        Role.WORKER: ReceiptSignerSettings().service_key.exists(),
        Role.API: database and options.settings(ApiClientSettings).api_hotkey is not None,
        Role.MINER: wallet and not database,
    }
    found = tuple(role for role, fits in roles.items() if fits)
    if not found:
        trouble = file_trouble()
        unread = f"{trouble}; " if trouble else ""
        raise PlatformError(Code.ARGUMENT_INVALID, f"{unread}nothing here says what this host is: name {', '.join(Role)}")
    return found


def _has_database() -> bool:
    try:
        MigrationSettings()
    except ValidationError as exc:
        return any(each["type"] != "missing" for each in exc.errors())  # one that cannot be read was meant
    return True


def _has_wallet(options: ChainOptions) -> bool:
    settings = options.settings(ChainSettings)
    try:
        wallets.hotkey_address(settings.wallet, settings.wallet_hotkey, settings.wallet_path)
    except PlatformError:
        return False
    return True
