"""Makes `export` leave out conversion and check in a process that imports this."""

from unittest import mock

from tests.export.unconverted import leave_out

leave_out(lambda name, value: mock.patch(name, value).start())
