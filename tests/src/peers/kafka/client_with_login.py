"""A client that logs in, and produces and consumes, as those of some version of Kafka do.

    client_with_login.py BROKER TOPIC RECORDS VERSION MECHANISM USER PASSWORD
"""

import sys

from old_client import there_and_back

broker, topic, count, version, mechanism, user, password = sys.argv[1:]
there_and_back(broker, topic, int(count), tuple(map(int, version.split("."))), security_protocol="SASL_PLAINTEXT",
               sasl_mechanism=mechanism, sasl_plain_username=user, sasl_plain_password=password)
