"""The suite's internal calls, for tests that play its other parts."""

import grpc
from cairn.maintenance.v1 import maintenance_service_pb2 as maintenance
from cairn.maintenance.v1 import maintenance_service_pb2_grpc as grpc_stubs


class MaintenanceClient:
    """`target` is the socket of the split form's maintenance process."""

    def __init__(self, target, seconds=20):
        self.channel = grpc.insecure_channel(target)
        self.seconds = seconds
        self.stub = grpc_stubs.MaintenanceServiceStub(self.channel)

    def close(self):
        self.channel.close()

    def advance(self, datastore):
        """The numbers of a sweep: epoch, token, cut."""
        return self.stub.AdvanceEpoch(
            maintenance.AdvanceEpochRequest(datastore=datastore),
            timeout=self.seconds)

    def epoch(self, datastore):
        return self.stub.GetEpoch(
            maintenance.GetEpochRequest(datastore=datastore),
            timeout=self.seconds)

    def leases(self, datastore):
        return list(self.stub.ListLeases(
            maintenance.ListLeasesRequest(datastore=datastore, page_size=1000),
            timeout=self.seconds).leases)
