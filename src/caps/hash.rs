//! The hash of a set of capabilities: the method of making its input, the function, and the value.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use sha3::{Sha3_256, Sha3_512};

use crate::xml::choice::choice;

/// The hash of a set of capabilities, as in a presence.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Hash {
    /// The method of making the input.
    pub method: Method,
    /// The hash function.
    pub algorithm: Algorithm,
    /// The value in base64.
    pub value: Box<str>,
}

choice! {
    /// How a disco#info answer becomes the input of a hash function.
    Method {
        /// The verification string of XEP-0115, 5.1.
        Caps = "caps",
        /// The hash function input of XEP-0390, 4.1.
        Ecaps2 = "ecaps2",
    }
}

choice! {
    /// A hash function, with its name in the registry that XEP-0115 (6.1) and XEP-0300 use.
    Algorithm {
        /// SHA-1, mandatory in XEP-0115.
        Sha1 = "sha-1",
        /// SHA-224.
        Sha224 = "sha-224",
        /// SHA-256.
        Sha256 = "sha-256",
        /// SHA-384.
        Sha384 = "sha-384",
        /// SHA-512.
        Sha512 = "sha-512",
        /// SHA3-256.
        Sha3_256 = "sha3-256",
        /// SHA3-512.
        Sha3_512 = "sha3-512",
    }
}

impl Hash {
    /// Computes the hash of `input`, which was made by `method`.
    pub fn of(method: Method, algorithm: Algorithm, input: &[u8]) -> Self {
        let digest = match algorithm {
            Algorithm::Sha1 => BASE64_STANDARD.encode(Sha1::digest(input)),
            Algorithm::Sha224 => BASE64_STANDARD.encode(Sha224::digest(input)),
            Algorithm::Sha256 => BASE64_STANDARD.encode(Sha256::digest(input)),
            Algorithm::Sha384 => BASE64_STANDARD.encode(Sha384::digest(input)),
            Algorithm::Sha512 => BASE64_STANDARD.encode(Sha512::digest(input)),
            Algorithm::Sha3_256 => BASE64_STANDARD.encode(Sha3_256::digest(input)),
            Algorithm::Sha3_512 => BASE64_STANDARD.encode(Sha3_512::digest(input)),
        };
        Self { method, algorithm, value: digest.into() }
    }
}

impl Algorithm {
    /// The functions for XEP-0390, in the order of preference. XEP-0300 requires the first two, and forbids SHA-1.
    pub(super) const ECAPS2: [Self; 6] =
        [Self::Sha256, Self::Sha3_256, Self::Sha512, Self::Sha3_512, Self::Sha384, Self::Sha224];
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The digests of "abc" from the examples of FIPS 180-4 and FIPS 202.
    #[test]
    fn each_name_stands_for_its_function() {
        for (name, value) in [
            ("sha-1", "qZk+NkcGgWq6PiVxeFDCbJzQ2J0="),
            ("sha-224", "Iwl9IjQF2CKGQqR3vaJVsyqtvOS9oLP342ydpw=="),
            ("sha-256", "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="),
            ("sha-384", "ywB1P0WjXou1oD1pmsZQBycsMqsO3tFjGotgWkP/W+2AhgcroefMI1i67KE0yCWn"),
            (
                "sha-512",
                "3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw==",
            ),
            ("sha3-256", "Ophdp0/iJbIEXBcta9OQvYVfCG4+nVJbRr/iRRFDFTI="),
            (
                "sha3-512",
                "t1GFCxpXFopWk82SS2sJbgj2IYJ0RPcNiE9dAkDScS4Q4RbpGSrzyRp+xXZH45NAVzQLTPQI1aVlkvgnTuxT8A==",
            ),
        ] {
            let algorithm = Algorithm::from_name(name).unwrap();
            let hash = Hash::of(Method::Caps, algorithm, b"abc");
            assert_eq!(&*hash.value, value, "{name}");
        }
    }
}
