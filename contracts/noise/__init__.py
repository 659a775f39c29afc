"""The Noise Protocol Framework, revision 34: two handshakes of phone and kiosk, one of kiosk and gateway.

`cryptography` has HPKE in its base mode only, which authenticates nobody, and the Noise packages for Python
have had no release for years. The framework itself is short and its patterns are analysed by others; so here
it is over primitives of `cryptography`: X25519, AES-256-GCM, SHA-256, HKDF. WebCrypto has all four, and a
browser's static key can be one that nobody can extract. Names are the specification's, section 5.

    Noise_XKpsk0_25519_AESGCM_SHA256    pairing: the phone has the kiosk's key and a secret, from the QR code
    Noise_IK_25519_AESGCM_SHA256        every later session: both know each other
    Noise_NN_25519_AESGCM_SHA256        kiosk and gateway, who know each other by Ed25519 keys and then sign
                                        the transcript with them (contracts.introduction)

In the first two the phone is the initiator, and its own key crosses encrypted, so that nobody in reach of the
radio can tell one phone from another.
"""

from contracts.noise.handshake import Handshake, Role
from contracts.noise.patterns import IK, NN, XK_PSK0, Pattern
from contracts.noise.states import KEY_LENGTH, TAG_LENGTH, CipherState

__all__ = ["IK", "KEY_LENGTH", "NN", "TAG_LENGTH", "XK_PSK0", "CipherState", "Handshake", "Pattern", "Role"]
